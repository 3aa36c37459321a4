package conformance

import "strings"

// Rules of the specification, by section and paragraph.
const (
	ruleComment    = "9.2.6: a line that starts with a colon is ignored"
	ruleColon      = "9.2.6: the name is before the first colon, the value after it"
	ruleSpace      = "9.2.6: one space at the start of the value is removed"
	ruleNoColon    = "9.2.6: a line without a colon is a name with an empty value"
	ruleUnknown    = "9.2.6: a field with another name is ignored"
	ruleData       = "9.2.6: data is appended with an LF"
	ruleLastLF     = "9.2.6: the last LF of the data is removed"
	ruleNoData     = "9.2.6: without data no event is dispatched, and the type is forgotten"
	ruleType       = "9.2.6: the type is that of the event field, else message"
	ruleLineEnds   = "9.2.5: lines end with CRLF, LF or CR"
	ruleBOM        = "9.2.5: one leading byte order mark is ignored"
	ruleUTF8       = "9.2.5: streams are always decoded as UTF-8"
	ruleID         = "9.2.6: id sets the last event id, which stays"
	ruleIDNull     = "9.2.6: an id with U+0000 is ignored"
	ruleIDDispatch = "9.2.6: the last event id moves at the empty line, event or not"
	ruleRetry      = "9.2.6: retry of ASCII digits alone sets the reconnection time"
	ruleEnd        = "9.2.6: an event without its empty line at the end is dropped"
)

// long is more than what is read at once anywhere.
var long = strings.Repeat("0123456789", 2000)

var fieldCases = []Case{
	parsed("one event", ruleData, "data: a\n\n", "", message("a")),
	parsed("two events", ruleData, "data: a\n\ndata: b\n\n", "", message("a"), message("b")),
	parsed("data in lines", ruleData, "data: a\ndata: b\ndata: c\n\n", "", message("a\nb\nc")),
	parsed("empty lines of data are kept", ruleData, "data: a\ndata:\ndata: b\ndata:\n\n", "", message("a\n\nb\n")),
	parsed("data in parts of an event", ruleData, "data: a\nevent: x\ndata: b\nid: 1\ndata: c\n\n", "1", Message{"x", "1", "a\nb\nc"}),
	parsed("comment", ruleComment, ": hello\ndata: a\n:data: b\n:\n::\ndata: c\n\n", "", message("a\nc")),
	parsed("comments alone", ruleComment, ": a\n\n:\n\n: b\n\ndata: c\n\n", "", message("c")),
	parsed("long comment", ruleComment, ":"+long+"\ndata: a\n\n", "", message("a")),
	parsed("long data", ruleData, "data: "+long+"\n\n", "", message(long)),
	parsed("colon in the value", ruleColon, "data:a:b: c\n\n", "", message("a:b: c")),
	parsed("one space is removed", ruleSpace, "data:a\ndata: b\ndata:  c\n\n", "", message("a\nb\n c")),
	parsed("no other white space is removed", ruleSpace, "data:\ta\ndata: \tb \ndata:\u00a0c\n\n", "", message("\ta\n\tb \n\u00a0c")),
	parsed("value of one space", ruleSpace, "data: \n\n", "", message("")),
	parsed("value of two spaces", ruleSpace, "data:  \n\n", "", message(" ")),
	parsed("no colon", ruleNoColon, "data\n\n", "", message("")),
	parsed("no colon, twice", ruleNoColon, "data\ndata\n\n", "", message("\n")),
	parsed("no colon in other fields", ruleNoColon, "event: x\nevent\nid: 1\nid\ndata: a\n\n", "", message("a")),
	parsed("empty data", ruleLastLF, "data:\n\n", "", message("")),
	parsed("only one LF is removed", ruleLastLF, "data: a\ndata\ndata\n\n", "", message("a\n\n")),
	parsed("unknown fields", ruleUnknown, "foo: 1\ndata: a\nbar\nx-data: 2\n\n", "", message("a")),
	parsed("names are case sensitive", ruleUnknown, "Data: a\nDATA: b\ndata: c\nEvent: x\nID: 4\n\n", "", message("c")),
	parsed("space around a name", ruleUnknown, " data: a\ndata : b\n\tdata: c\ndata: d\n\n", "", message("d")),
	parsed("parts of a name", ruleUnknown, "dat: a\ndata1: b\ndatadata: c\nda-ta: d\ndata: e\n\n", "", message("e")),
	parsed("NUL in a name", ruleUnknown, "da\x00ta: a\ndata\x00: b\n\x00data: c\ndata: d\n\n", "", message("d")),
	parsed("NUL in data", ruleData, "data: a\x00b\ndata:\x00\n\n", "", message("a\x00b\n\x00")),
	parsed("JSON of our own", ruleData, "event: post\nid: 7\ndata: {\"seq\":7,\"html\":\"<p>a\\nb</p>\"}\n\n", "7", Message{"post", "7", `{"seq":7,"html":"<p>a\nb</p>"}`}),
	parsed("named event", ruleType, "event: post\ndata: a\n\n", "", Message{"post", "", "a"}),
	parsed("type is forgotten", ruleType, "event: post\ndata: a\n\ndata: b\n\n", "", Message{"post", "", "a"}, message("b")),
	parsed("the last type counts", ruleType, "event: post\nevent: views\ndata: a\n\n", "", Message{"views", "", "a"}),
	parsed("type after the data", ruleType, "data: a\nevent: post\n\n", "", Message{"post", "", "a"}),
	parsed("empty type", ruleType, "event:\ndata: a\n\nevent: \ndata: b\n\n", "", message("a"), message("b")),
	parsed("empty type after a type", ruleType, "event: post\nevent:\ndata: a\n\n", "", message("a")),
	parsed("type of message", ruleType, "event: message\ndata: a\n\n", "", message("a")),
	parsed("type with spaces", ruleType, "event:  a b \ndata: a\n\n", "", Message{" a b ", "", "a"}),
	parsed("no data, no event", ruleNoData, "event: post\n\ndata: a\n\n", "", message("a")),
	parsed("many empty lines", ruleNoData, "\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", "", message("a"), message("b")),
}

var lineCases = []Case{
	parsed("LF", ruleLineEnds, "id: 1\ndata: a\ndata: b\n\n", "1", Message{"message", "1", "a\nb"}),
	parsed("CR", ruleLineEnds, "id: 1\rdata: a\rdata: b\r\r", "1", Message{"message", "1", "a\nb"}),
	parsed("CRLF", ruleLineEnds, "id: 1\r\ndata: a\r\ndata: b\r\n\r\n", "1", Message{"message", "1", "a\nb"}),
	parsed("all line ends in one event", ruleLineEnds, "data: a\rdata: b\ndata: c\r\ndata: d\n\r", "", message("a\nb\nc\nd")),
	parsed("LF and CR are two line ends", ruleLineEnds, "data: a\n\rdata: b\n\r", "", message("a"), message("b")),
	parsed("CR and CRLF", ruleLineEnds, "data: a\r\r\ndata: b\r\r\n", "", message("a"), message("b")),
	parsed("CRLF and CR", ruleLineEnds, "data: a\r\n\rdata: b\r\n\r", "", message("a"), message("b")),
	parsed("CRLF and LF", ruleLineEnds, "data: a\r\n\ndata: b\r\n\n", "", message("a"), message("b")),
	parsed("other line ends are content", ruleLineEnds, "data: a\u2028b\u2029c\u0085d\x0be\x0cf\n\n", "", message("a\u2028b\u2029c\u0085d\x0be\x0cf")),
	parsed("CRLF after a comment", ruleLineEnds, ":\r\ndata: a\r\n\r\n", "", message("a")),
}

var encodingCases = []Case{
	parsed("byte order mark", ruleBOM, "\uFEFFdata: a\n\n", "", message("a")),
	parsed("byte order mark alone on its line", ruleBOM, "\uFEFF\ndata: a\n\n", "", message("a")),
	parsed("second byte order mark", ruleBOM, "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", "", message("b")),
	parsed("byte order mark later", ruleBOM, "data: a\n\n\uFEFFdata: b\n\ndata: c\n\n", "", message("a"), message("c")),
	parsed("byte order mark in the data", ruleBOM, "data:\uFEFFa\n\n", "", message("\uFEFFa")),
	parsed("part of a byte order mark", ruleBOM, "\xEF\xBBdata: a\n\ndata: b\n\n", "", message("b")),
	parsed("all planes", ruleUTF8, "data: \u00e9\u05d0\u20ac\U0001F3C6\U0010FFFF\n\n", "", message("\u00e9\u05d0\u20ac\U0001F3C6\U0010FFFF")),
	parsed("not UTF-8", ruleUTF8, "data: a\xE9b\xFFc\n\n", "", message("a\uFFFDb\uFFFDc")),
	parsed("cut off characters", ruleUTF8, "data: \xE2\x82\ndata: \xF0\x9F\x8F\ndata: \xC3\n\n", "", message("\uFFFD\n\uFFFD\n\uFFFD")),
	parsed("surrogates and overlong forms", ruleUTF8, "data: \xED\xA0\x80\ndata: \xC0\xAF\ndata: \xF5\n\n", "", message("\uFFFD\uFFFD\uFFFD\n\uFFFD\uFFFD\n\uFFFD")),
	parsed("not UTF-8 in a name", ruleUTF8, "dat\xE1: a\ndata: b\n\n", "", message("b")),
}

var idCases = []Case{
	parsed("id", ruleID, "id: 1\ndata: a\n\n", "1", Message{"message", "1", "a"}),
	parsed("id stays", ruleID, "id: 1\ndata: a\n\ndata: b\n\n", "1", Message{"message", "1", "a"}, Message{"message", "1", "b"}),
	parsed("id after the data", ruleID, "data: a\nid: 1\n\n", "1", Message{"message", "1", "a"}),
	parsed("the last id counts", ruleID, "id: 1\nid: 2\ndata: a\n\n", "2", Message{"message", "2", "a"}),
	parsed("empty id resets", ruleID, "id: 1\ndata: a\n\nid:\ndata: b\n\n", "", Message{"message", "1", "a"}, message("b")),
	parsed("id without colon resets", ruleID, "id: 1\ndata: a\n\nid\ndata: b\n\n", "", Message{"message", "1", "a"}, message("b")),
	parsed("id of any text", ruleID, "id: a:b c\ndata: a\n\n", "a:b c", Message{"message", "a:b c", "a"}),
	parsed("id that is not ASCII", "9.2.4: Last-Event-ID is the id as UTF-8", "id: \u2026\u00e9\U0001F3C6\ndata: a\n\n", "\u2026\u00e9\U0001F3C6", Message{"message", "\u2026\u00e9\U0001F3C6", "a"}),
	parsed("NUL in an id", ruleIDNull, "id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n", "1", Message{"message", "1", "a"}, Message{"message", "1", "b"}),
	parsed("id of NUL", ruleIDNull, "id: 1\nid:\x00\ndata: a\n\n", "1", Message{"message", "1", "a"}),
	parsed("NUL in the first id", ruleIDNull, "id: \x001\ndata: a\n\n", "", message("a")),
	parsed("id without data", ruleIDDispatch, "id: 1\n\n", "1"),
	parsed("id without data, then an event", ruleIDDispatch, "id: 1\n\ndata: a\n\n", "1", Message{"message", "1", "a"}),
	parsed("id that was cut off", ruleIDDispatch, "id: 1\ndata: a\n\nid: 2\n", "1", Message{"message", "1", "a"}),
}

// tells is a stream that tells a reconnection time of 4 s, which is more than
// browsers wait by themselves: the wait shows that it was heard.
func tells(name, stream string) Case {
	c := parsed(name, ruleRetry, stream, "", message("a"))
	c.Wait = 4000
	return c
}

var retryCases = []Case{
	tells("retry", "retry: 4000\ndata: a\n\n"),
	tells("retry without a space", "retry:4000\ndata: a\n\n"),
	tells("retry is no part of an event", "retry: 4000\n\ndata: a\n\n"),
	tells("retry of an event that is cut off", "data: a\n\nretry: 4000\n"),
	tells("leading zeros", "retry: 0004000\ndata: a\n\n"),
	tells("empty retry", "retry: 4000\nretry:\nretry\nretry: \ndata: a\n\n"),
	tells("not only digits", "retry: 4000\nretry: 1x\nretry: x1\nretry: 1.5\nretry: 1e1\nretry: 0x1\nretry: 1 1\ndata: a\n\n"),
	tells("signs and spaces", "retry: 4000\nretry: -1\nretry: +1\nretry:  1\nretry: 1 \nretry:\t1\ndata: a\n\n"),
	tells("digits that are not ASCII", "retry: 4000\nretry: \u0661\nretry: \uff11\ndata: a\n\n"),
}

var endCases = []Case{
	parsed("empty stream", ruleEnd, "", ""),
	parsed("no empty line", ruleEnd, "data: a\n\ndata: b\n", "", message("a")),
	parsed("no line end", ruleEnd, "data: a\n\ndata: b", "", message("a")),
	parsed("cut in a name", ruleEnd, "data: a\n\nda", "", message("a")),
	parsed("cut in a character", ruleEnd, "data: a\n\ndata: \xE2\x82", "", message("a")),
	parsed("cut after CR", ruleEnd, "data: a\r\n\r", "", message("a")),
	parsed("nothing is carried over", ruleEnd, "event: post\nid: 4\ndata: a", ""),
}
