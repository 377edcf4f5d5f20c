import Determinism
import ObjectStore
import PostgresClient

/// Compares the objects and the rows of one range of keys: one listing, and no question about a single object but those that
/// look wrong.
///
/// Of the rows beside a page of the listing the database tells in short what objects they stand for; they are read, and compared one by
/// one, only where those are others. While it does, the next page is listed.
struct RangePart: CheckPart {
    let name: String
    let tools: CheckTools
    /// The share of the objects that are read back and hashed, 0 to 1.
    let digestShare: Double

    typealias Object = ObjectListing.Object
    typealias Save = @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void

    /// How far the comparison has come.
    private struct Course {
        var progress: PartProgress
        var slice = RangeSlice()
        /// Everything up to here is compared.
        var position: KeyText?
        /// When the listing began, by the database's clock.
        let since: Timestamp
        private var notedMarkerCount = 0

        init(_ progress: PartProgress, from position: KeyText?, since: Timestamp) {
            self.progress = progress
            self.position = position
            self.since = since
        }

        mutating func note(markerCount: Int) {
            slice.counts[.markers, default: 0] += markerCount - notedMarkerCount
            notedMarkerCount = markerCount
        }
    }

    func run(from start: PartProgress, save: Save) async throws(CheckFailure) {
        let since = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.now(on: tools.pool)
        }
        let after = (start.cursor ?? start.lower).map(KeyText.init)
        let upTo = start.upper.map(KeyText.init)
        var course = Course(start, from: after, since: since)
        if start.cursor == nil { course.progress.rows = .empty }
        var listing = ObjectListing(after: after, upTo: upTo, budget: tools.budget, list: tools.list)
        var page = try await listing.nextPage()
        while let objects = page {
            let read = listing
            async let next = read.followed()
            course.note(markerCount: read.markerCount)
            if read.isOver || !objects.isEmpty {
                let end = read.isOver ? upTo : objects.last?.key
                try await compare(objects, upTo: end, &course, save)
            }
            (page, listing) = try await next.get()
        }
        course.progress.isDone = true
        try await close(&course, save)
    }

    /// Compares all objects that there are behind `course.position`, up to `end`, with the rows: so many rows at a time as the database
    /// sums up.
    private func compare(
        _ objects: [Object],
        upTo end: KeyText?,
        _ course: inout Course,
        _ save: Save
    ) async throws(CheckFailure) {
        var rest = objects[...]
        var isOver = false
        while !isOver {
            let (after, limit, pool) = (course.position, tools.settings.summaryRowCount, tools.pool)
            let summary = try await askedInTime { () throws(DatabaseError) in
                try await SummaryStore.summary(after: after, upTo: end, limit: limit, on: pool)
            }
            // Fewer rows at a time may not take the database too long.
            guard let rows = summary else { return try await compareRows(rest, upTo: end, &course, save) }
            isOver = rows.count < limit
            let reached = isOver ? end : rows.last
            let part = rest.prefix { isOver || $0.key <= rows.last ?? $0.key }
            rest = rest.dropFirst(part.count)
            guard rows.agree(with: part) else {
                try await compareRows(part, upTo: reached, &course, save)
                continue
            }
            course.slice.take(part, rows)
            course.slice.toHash += part.filter { _ in isDrawn() }
            course.position =
                reached ?? [part.last?.key, rows.last, after].compactMap(\.self).max()
            if course.slice.isFull { try await close(&course, save) }
        }
    }

    /// The same one by one.
    private func compareRows(
        _ objects: ArraySlice<Object>,
        upTo end: KeyText?,
        _ course: inout Course,
        _ save: Save
    ) async throws(CheckFailure) {
        var comparison = Compare(
            OnePage(objects),
            RowPages(after: course.position, upTo: end, on: tools.pool),
            leftKey: \.key,
            rightKey: \.key
        )
        while let (pairings, last) = try await comparison.next() {
            for pairing in pairings {
                if let object = course.slice.take(pairing), isDrawn() { course.slice.toHash.append(object) }
            }
            course.position = last
            if course.slice.isFull { try await close(&course, save) }
        }
        course.position = end ?? course.position
    }

    /// Whether an object is one of those that are read back.
    private func isDrawn() -> Bool {
        guard digestShare > 0 else { return false }
        return digestShare >= 1
            || Double(tools.random.uniform(below: 1 << 32)) < digestShare * 4_294_967_296
    }

    private func close(_ course: inout Course, _ save: Save) async throws(CheckFailure) {
        let slice = course.slice
        let others = try await otherBytes(slice.toHash, &course.progress)
        let outcome = try await tools.recheck.settle(slice.candidates + others, listedSince: course.since)
        course.progress.add(slice.objectCount, to: .objects)
        course.progress.add(slice.rowCount, to: .rows)
        course.progress.rows?.add(slice.rowCount, slice.digest)
        for (name, count) in slice.counts { course.progress.add(count, to: name) }
        course.progress.add(outcome.inFlightCount, to: .inFlight)
        course.progress.add(outcome.etagChangedCount, to: .etagChanged)
        course.progress.lose(outcome.losses)
        course.progress.cursor = course.position?.bound.text
        try await save(course.progress, outcome.findings)
        course.slice = RangeSlice()
    }

    /// Those whose bytes, read back, have another digest than their row has.
    private func otherBytes(
        _ objects: [Object],
        _ progress: inout PartProgress
    ) async throws(CheckFailure) -> [Candidate] {
        guard !objects.isEmpty else { return [] }
        let (keys, pool) = (objects.map(\.key), tools.pool)
        let rows = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.rows(of: keys, on: pool)
        }
        let files = objects.filter { object in
            guard let file = rows[object.key]?.file else { return false }
            return [.available, .deleted].contains(file.state)
        }
        let known = files.filter { rows[$0.key]?.file?.sha256 != nil }
        progress.add(files.count - known.count, to: .unverifiable)
        let reader = DigestReader(store: tools.store, budget: tools.budget)
        let answers = await inParallel(known, limit: 2) { object in
            await Result { () async throws(CheckFailure) in try await reader.digest(of: object.key) }
        }
        var candidates: [Candidate] = []
        for (object, answer) in answers {
            switch answer {
            case .success(let digest):
                progress.add(1, to: .digests)
                // Nil: gone since it was listed. Its own listing tells the next check.
                if let digest, let row = rows[object.key], digest != row.file?.sha256 {
                    candidates.append(Candidate(otherBytesOf: object, row))
                }
            case .failure(.store(.refused(let status, let code, _))):
                progress.lose(["the store refuses to give \(object.key): \(status) \(code)"])
            case .failure(let failure): throw failure
            }
        }
        return candidates
    }
}
