import FaultPoints
import Foundation
import Testing

struct FaultPointTests {
    @Test func everyDurableStepHasAPointBeforeAndAfterIt() {
        let names = FaultPoint.allCases.map(\.rawValue)
        for name in names where name.hasPrefix("before") {
            #expect(names.contains("after" + name.dropFirst("before".count)))
        }
        #expect(names.count(where: { $0.hasPrefix("before") }) * 2 == names.count)
    }

    @Test(arguments: FaultPoint.allCases)
    func productionPassesEveryPoint(_ point: FaultPoint) throws { try NoFaults().reach(point) }
}

#if DEBUG
    struct CrashOnceTests {
        @Test(arguments: FaultPoint.allCases)
        func throwsTheFirstTimeOnly(_ point: FaultPoint) throws {
            let faults = CrashOnce(at: point, mode: .throw)
            for other in FaultPoint.allCases where other != point { try faults.reach(other) }
            #expect(throws: InjectedCrash(point: point)) { try faults.reach(point) }
            try faults.reach(point)
            #expect(faults.reached == Set(FaultPoint.allCases))
        }

        @Test func exitModeEndsTheProcessWithoutCleanup() async {
            await #expect(processExitsWith: .exitCode(137)) {
                defer { _exit(0) }  // must not run
                try CrashOnce("afterObjectPut")?.reach(.afterObjectPut)
            }
        }

        @Test func isReadFromText() {
            for point in FaultPoint.allCases {
                #expect(CrashOnce(point.rawValue) != nil)
                #expect(CrashOnce("\(point.rawValue):throw") != nil)
            }
            for text in ["", ":", "nowhere", "afterObjectPut:", "afterObjectPut:maybe", ":throw"] {
                #expect(CrashOnce(text) == nil)
            }
            #expect(throws: InjectedCrash(point: .afterObjectPut)) {
                try CrashOnce("afterObjectPut:throw")?.reach(.afterObjectPut)
            }
        }

        @Test func withoutAPointItOnlyRecords() throws {
            let faults = CrashOnce(at: nil, mode: .exit)
            try faults.reach(.beforeObjectPut)
            #expect(faults.reached == [.beforeObjectPut])
        }
    }
#endif
