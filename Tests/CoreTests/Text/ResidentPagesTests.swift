import Testing

@testable import DTrainCore

@Suite struct ResidentPagesTests {
    @Test func pagesAreReleasedAfterAQuarterOfTheFile() throws {
        let size = 4 << 20
        let text = try TemporaryText((0..<size).lazy.map { UInt8(truncatingIfNeeded: $0 / 4096) })
        let file = try MappedFile(path: text.path)
        let pages = ResidentPages(of: [file], floor: 4096)
        // Each touch counts 512 KiB more than it reads. Two stay within a quarter, 1 MiB; the third
        // doesn't.
        for _ in 0..<2 {
            #expect(!pages.touch(0))
            #expect(!pages.touch(0))
            #expect(pages.touch(0))
        }
        #expect(pages.touch(size))
        #expect(stride(from: 0, to: size, by: 4096).allSatisfy { file.bytes[$0] == UInt8($0 / 4096 % 256) })
    }

    @Test func smallFilesAreNotReleased() throws {
        let text = try TemporaryText("some text")
        let pages = ResidentPages(of: [try MappedFile(path: text.path)])
        #expect(!pages.touch(ResidentPages.floor * 2))
    }
}
