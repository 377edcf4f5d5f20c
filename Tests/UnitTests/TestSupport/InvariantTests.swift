import TestSupport
import Testing

/// One thing that is wrong with an otherwise healthy stack.
struct PlantedFault: CustomTestStringConvertible, Sendable {
    let invariant: String
    let what: String
    let plant: @Sendable (inout Evidence) -> Void

    init(_ invariant: String, _ what: String, _ plant: @escaping @Sendable (inout Evidence) -> Void) {
        self.invariant = invariant
        self.what = what
        self.plant = plant
    }

    var testDescription: String { "\(invariant) \(what)" }
}

private typealias Sample = SampleEvidence

@Suite("The checker of the invariants reports nothing healthy, and everything planted")
struct InvariantTests {
    @Test func `a healthy stack has no violation and no unrest`() {
        #expect(Sample.make().violations == [])
        #expect(Sample.make().unrest == [])
    }

    @Test(arguments: faults) func `what was planted is reported`(_ fault: PlantedFault) {
        var evidence = Sample.make()
        fault.plant(&evidence)
        let reported = evidence.violations.map(\.invariant)
        #expect(reported.contains(fault.invariant), "reported \(evidence.violations)")
    }

    @Test(arguments: unrest) func `what is under way is unrest`(_ fault: PlantedFault) {
        var evidence = Sample.make()
        fault.plant(&evidence)
        #expect(!evidence.unrest.isEmpty)
    }

    static let faults = objectFaults + rowFaults + eventFaults + consumerFaults

    private static let objectFaults = [
        PlantedFault("I1", "an available file's object is missing") { $0.objects.removeFirst() },
        PlantedFault("I1", "an available file's object has another byte") {
            $0.objects[0].sha256 = String(repeating: "cd", count: 32)
        },
        PlantedFault("I43", "an object in the trash is missing") { $0.objects.removeLast() },
        PlantedFault("I3", "an object nobody knows") {
            $0.objects.append(Sample.object("0190f000-0000-7000-8000-00000000ffff"))
        },
        PlantedFault("I4", "a discarded upload's object is still there") {
            $0.objects.append(Sample.object(Sample.discarded))
        },
        PlantedFault("I4", "a discarded upload's multipart upload is open") {
            $0.remains.openUploads.insert(Sample.key(Sample.discarded))
        },
        PlantedFault("I5", "a purged file has a delete marker") {
            $0.remains.versions.insert(Sample.key(Sample.purged))
        },
        PlantedFault("I6", "a key was written twice") {
            $0.requests.append(StoreRequest("PUT", Sample.key(Sample.available)))
        },
        PlantedFault("I37", "an available file's key was deleted") {
            $0.requests.append(StoreRequest("DELETE", Sample.key(Sample.available)))
        },
        PlantedFault("I37", "a key of the trash was deleted") {
            $0.requests.append(StoreRequest("DELETE", Sample.key(Sample.trashed)))
        },
    ]

    private static let rowFaults = [
        PlantedFault("I2", "an acknowledged file has no row") { $0.files.removeFirst() },
        PlantedFault("I2", "an acknowledged file is gone unasked") { $0.files[0].state = "DELETED" },
        PlantedFault("I2", "a deleted file is back unasked") { $0.files[1].state = "AVAILABLE" },
        PlantedFault("I8", "two uploads share a key") { $0.uploads[1].objectKey = $0.uploads[0].objectKey },
        PlantedFault("I8", "a key is not of the pattern") { $0.uploads[0].objectKey = "acme/../x" },
        PlantedFault("I8", "a key is of another tenant") { $0.uploads[0].tenant = "other" },
        PlantedFault("I10", "a name is visible twice") {
            var twin = $0.files[0]
            twin.id = Sample.discarded
            $0.files.append(twin)
        },
        PlantedFault("I10", "the unique index is gone") { $0.hasVisibleNameIndex = false },
    ]

    private static let eventFaults = [
        PlantedFault("I12", "a purge without a delete") { $0.records[2].headers["ce_type"] = "file.purging" },
        PlantedFault("I13", "a version was never published") {
            $0.records.removeAll { $0.id.hasSuffix("3.2") }
        },
        PlantedFault("I13", "a discard was never published") { $0.records.removeLast() },
        PlantedFault("I14", "an event of a version that does not exist") {
            $0.records.append(Sample.record(Sample.available, "file.deleted", 2, 0, 1))
        },
        PlantedFault("I14", "an event of a file that does not exist") {
            $0.records.append(Sample.record("0190f000-0000-7000-8000-00000000ffff", "file.stored", 1, 0, 9))
        },
        PlantedFault("I14", "an event that tells another state than the row") {
            $0.files[2].state = "PURGING"
        },
        PlantedFault("I15", "versions out of order") {
            ($0.records[2].offset, $0.records[3].offset) = ($0.records[3].offset, $0.records[2].offset)
        },
        PlantedFault("I15", "a key in two partitions") { $0.records[3].partition = 5 },
        PlantedFault("I16", "a copy differs by one byte") {
            var copy = $0.records[0]
            copy.offset = 9
            copy.payload += " "
            $0.records.append(copy)
        },
        PlantedFault("I16", "a copy has another id") { $0.records[0].headers["ce_id"] = "x" },
        PlantedFault("I20", "a row went back") { $0.files[1].version = 3 },
    ]

    private static let consumerFaults = [
        PlantedFault("I21", "a document is behind") { $0.documents[1].version = 3 },
        PlantedFault("I21", "a document is missing") { $0.documents.removeFirst() },
        PlantedFault("I22", "a deleted document is live") { $0.documents[1].state = "LIVE" },
        PlantedFault("I28", "a document of nothing") { $0.documents[0].fileID = "nobody" },
        PlantedFault("I28", "a document with another size") { $0.documents[0].size = 6 },
        PlantedFault("I24", "an offset beyond the end") { $0.filesConsumer.positions[0].nextOffset = 99 },
        PlantedFault("I25", "a record was skipped") { $0.filesConsumer.seen.removeFirst() },
    ]

    static let unrest = [
        PlantedFault("I11", "an upload is open") { $0.uploads[3].state = "PENDING" },
        PlantedFault("I11", "a discarded upload is not reaped") { $0.uploads[3].state = "ABORTED" },
        PlantedFault("I11", "a purge goes on") { $0.files[2].state = "PURGING" },
        PlantedFault("I11", "a saga is not over") {
            $0.sagas.append(Sample.saga("upload.v1", Sample.available, isAsleep: true))
        },
        PlantedFault("I11", "a file in the trash is to be purged now") {
            $0.sagas = [Sample.saga("delete.v1", Sample.trashed, isAsleep: false)]
        },
        PlantedFault("I13", "an event is not published") {
            $0.records.removeAll { $0.key == Sample.available }
        },
        PlantedFault("I21", "a record is not read") { $0.filesConsumer.positions.removeAll() },
    ]
}
