/// Whose files a synthetic file's are that makes the whole way of one, over and over: nobody's.
public enum CanaryTenant {
    public static let name = "waybill-canary"
}
