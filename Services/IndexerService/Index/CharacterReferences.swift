/// The character that `&name;`, `&#123;` or `&#x7B;` stands for; `name` is what lies between `&` and `;`.
///
/// Names: those of Latin-1 and the common punctuation (HTML 4.01, section 24). Nil for any other name and for numbers
/// that are no character.
func characterReference(_ name: String) -> Unicode.Scalar? {
    guard name.hasPrefix("#") else { return namedCharacters[name] }
    let digits = name.dropFirst()
    let isHexadecimal = digits.hasPrefix("x") || digits.hasPrefix("X")
    let value = isHexadecimal ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits, radix: 10)
    return value.flatMap { $0 == 0 ? nil : Unicode.Scalar($0) }
}

private let namedCharacters: [String: Unicode.Scalar] = {
    var named: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "euro": "€", "ndash": "–", "mdash": "—",
        "lsquo": "‘", "rsquo": "’", "sbquo": "‚", "ldquo": "“", "rdquo": "”", "bdquo": "„", "hellip": "…",
        "bull": "•", "trade": "™", "OElig": "Œ", "oelig": "œ", "Scaron": "Š", "scaron": "š", "Yuml": "Ÿ",
        "zwnj": "\u{200C}", "zwj": "\u{200D}",
    ]
    for (offset, name) in latin1Names.split(separator: " ").enumerated() {
        named[String(name)] = Unicode.Scalar(UInt8(truncatingIfNeeded: 160 + offset))
    }
    return named
}()

/// U+00A0 to U+00FF in order.
private let latin1Names = """
    nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro \
    para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil \
    Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave \
    Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml \
    igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute \
    thorn yuml
    """
