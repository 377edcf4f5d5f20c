import Foundation

/// The test's own environment without what only tests are told, which programs would take for a typing error.
func childEnvironment(adding more: [String: String]) -> [String: String] {
    ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("WAYBILL_TEST_") }.merging(more) {
        _,
        new in new
    }
}
