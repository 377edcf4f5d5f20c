extension Row {
    /// Whether a check of many keys costs more per key, or more memory, than one of few.
    static let manyKeys = Row(
        number: 10,
        title: "consistency check at 1 M keys ÷ at 10 k: time per key; peak memory",
        comparisons: [
            Comparison(
                "check: time per key, 1 M ÷ 10 k",
                unit: "µs",
                "many",
                over: "few",
                better: .less,
                floor: 1.3,
                goal: 1.1
            ),
            Comparison(
                "check: peak memory, 1 M ÷ 10 k",
                unit: "MiB",
                "many memory",
                over: "few memory",
                better: .less,
                floor: 1.1,
                goal: 1.02
            ),
        ]
    ) { site in
        let (few, many) = (site.scaled(10_000, least: 1_000), site.scaled(1_000_000, least: 20_000))
        var sides: [Side] = []
        for (name, count) in [("few", few), ("many", many)] {
            let deployment = try await Deployment(at: site)
            try await Fill.files(deployment, to: count)
            try await Fill.objects(of: deployment)
            sides.append(
                Side(
                    name,
                    measures: {
                        let service = try await deployment.startChecker(ranges: 4)
                        let took = try await service.check(objectCount: count)
                        let peak = try service.program.memoryMiB("VmHWM")
                        await service.program.stop()
                        return [name: took / Double(count) * 1e6, "\(name) memory": peak]
                    }
                )
            )
        }
        return Trial(sides: sides)
    }
}
