import NIOCore
import Testing

@testable import ObjectStore

@Suite("XML")
struct XMLTests {
    private func parse(_ text: String) throws -> XMLElement { try XMLReader.parse(Array(text.utf8)) }

    @Test("an answer of the store")
    func answer() throws {
        let root = try parse(
            """
            \n  <?xml version="1.0" encoding="UTF-8"?>
            <!-- a comment --><s3:List xmlns:s3="x" note='a > b'>
              <Key>a &amp; b &lt;&#x20AC;&#13;&gt; <![CDATA[<c>]]></Key><Empty/><E a="1" />
            </s3:List>
            <!-- after -->
            """
        )
        #expect(root.name == "List")
        #expect(root.text("Key") == "a & b <€\r> <c>")
        #expect(root.first("Empty") == XMLElement(name: "Empty"))
        #expect(root.children.map(\.name) == ["Key", "Empty", "E"])
    }

    @Test(
        "what is not well-formed is refused",
        arguments: [
            "", "   ", "text", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a>&nope;</a>", "<a>&amp</a>", "<a",
            "<a b='",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>&#xD800;</a>", "<a>&#99999999999;</a>", "<>x</>",
            "<a><!-- b</a>", "<a><![CDATA[b</a>", "<a/>x",
        ]
    )
    func refused(text: String) { #expect(throws: XMLError.self) { try parse(text) } }

    @Test("bytes that are not UTF-8 are refused")
    func encoding() {
        #expect(throws: XMLError.self) {
            try XMLReader.parse(Array("<a>".utf8) + [0xFF] + Array("</a>".utf8))
        }
    }

    @Test("nesting has a limit, so no answer can exhaust the stack or the memory")
    func depth() {
        #expect(throws: XMLError.self) { try parse(String(repeating: "<a>", count: 100_000)) }
    }

    @Test("only children of the root are offered, each whole; what is taken is not in the tree")
    func taking() throws {
        let text = "<L><A><B>1</B><A>in</A></A><C>2</C><A/><A> 3 </A></L>"
        var taken: [XMLElement] = []
        let root = try XMLReader.parse(Array(text.utf8)) { child in
            guard child.name == "A" else { return false }
            taken.append(child)
            return true
        }
        #expect(root == XMLElement(name: "L", children: [XMLElement(name: "C", text: "2")]))
        #expect(taken.map { $0.text("B") } == ["1", nil, nil])
        #expect(taken.map(\.text) == ["", "", " 3 "] && taken.first?.text("A") == "in")
        #expect(throws: XMLError.self) { try XMLReader.parse(Array("<L><A/><A></L>".utf8)) { _ in true } }
    }

    @Test(
        "what is written is read back",
        arguments: ["a<b>&\"'", "tab\tand\nline\rend", "ü€👩‍🚀", "]]>", " spaces "]
    )
    func roundTrip(text: String) throws {
        var writer = XMLWriter(root: "Root")
        writer.element("Outer") { $0.element("Inner", text) }
        #expect(try parse(writer.finish()).first("Outer")?.first("Inner")?.text == text)
    }

    @Test("a listing says how keys are written before or behind them", arguments: [true, false])
    func encodedKeys(isBehind: Bool) throws {
        let (type, entry) = (
            "<EncodingType>url</EncodingType>",
            "<Contents><Key>a%2Bb+%C3%A9</Key><Size>5</Size><ETag>&quot;e&quot;</ETag></Contents>"
        )
        let page = try Self.page(isBehind ? entry + type : type + entry)
        #expect(page.objects == [ListPage.Object(key: "a+b é", size: 5, etag: "e")])
        let plain = try Self.page(entry)
        #expect(plain.objects.map(\.key) == ["a%2Bb+%C3%A9"])
    }

    @Test(
        "an entry of a listing that lacks something is not left out",
        arguments: [
            "<Key>a</Key>", "<Size>5</Size>", "<Key>a</Key><Size>-1</Size>", "<Key>a</Key><Size>x</Size>",
        ]
    )
    func incomplete(entry: String) {
        #expect(throws: StoreFailure.self) { try Self.page("<Contents>\(entry)</Contents>") }
    }

    private static func page(_ content: String) throws -> ListPage {
        let text = "<ListBucketResult>\(content)<IsTruncated>false</IsTruncated></ListBucketResult>"
        return try ListPage(answer: ByteBuffer(string: text))
    }
}
