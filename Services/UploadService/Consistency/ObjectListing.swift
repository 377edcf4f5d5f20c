import ObjectStore

/// The objects of one range of keys, listed page by page. Keys of Waybill's own are counted and left out.
///
/// A listing that fails, repeats itself or goes on without end throws; what it had not come to is then unknown, not absent.
struct ObjectListing: SortedPages {
    struct Object: Sendable {
        let key: KeyText
        let state: ObjectState
    }

    typealias Lister =
        @Sendable (_ startAfter: String?, _ token: String?) async throws(StoreFailure) -> ListPage

    private let list: Lister
    private let budget: RequestBudget
    private let after: KeyText?
    private let upperBound: KeyText?
    private var token: String?
    /// Whether nothing lies behind what was read.
    private(set) var isOver = false
    private var emptyPageCount = 0
    private var previous: KeyText?
    /// How often the deployment's marker was seen.
    private(set) var markerCount: Int

    /// More pages without an object, one after the other, are taken for a loop.
    private static let emptyPageLimit = 1_000

    /// - Parameters:
    ///   - after: excluded; nil begins at the first key.
    ///   - upTo: included; nil goes on to the last.
    init(after: KeyText?, upTo: KeyText?, budget: RequestBudget, list: @escaping Lister) {
        self.list = list
        self.budget = budget
        self.after = after
        upperBound = upTo
        markerCount = 0
    }

    mutating func nextPage() async throws(CheckFailure) -> [Object]? {
        guard !isOver else { return nil }
        try await budget.take()
        let page: ListPage
        do { page = try await list(token == nil ? after?.text : nil, token) } catch .cancelled {
            throw .stopped
        } catch { throw .store(error) }
        try check(page)
        token = page.nextToken
        isOver = page.nextToken == nil
        var objects: [Object] = []
        objects.reserveCapacity(page.objects.count)
        for object in page.objects {
            let key = KeyText(object.key)
            if let upperBound, upperBound < key {
                isOver = true
                break
            }
            if ObjectKeyForm.isReserved(object.key) {
                if ObjectKeyForm.isMarker(object.key) { markerCount += 1 }
                continue
            }
            objects.append(Object(key: key, state: ObjectState(size: object.size, etag: object.etag)))
        }
        return objects
    }

    private mutating func check(_ page: ListPage) throws(CheckFailure) {
        if let next = page.nextToken, next == token { throw .disorder("the listing repeats a page") }
        emptyPageCount = page.objects.isEmpty ? emptyPageCount + 1 : 0
        guard emptyPageCount < Self.emptyPageLimit else { throw .disorder("the listing does not end") }
        for object in page.objects {
            let key = KeyText(object.key)
            if let previous = previous ?? after, !(previous < key) {
                throw .disorder("the listing has \(key) after \(previous)")
            }
            previous = key
        }
    }
}

extension ObjectStore {
    /// Lists the whole bucket, 1 000 keys at a time.
    var lister: ObjectListing.Lister {
        { startAfter, token throws(StoreFailure) in
            try await list(prefix: "", startAfter: startAfter, continuationToken: token, limit: 1_000)
        }
    }
}
