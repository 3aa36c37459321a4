package conformance

import "strings"

// Spelling is one of the ways in which a stream may say an event that has a
// name, an id and one line of JSON.
type Spelling struct {
	Name, Rule string
	Write      func(name, id, data string) string
}

// lines makes a spelling of a pattern in which <N>, <I> and <D> stand for name, id
// and data, and <D1> and <D2> for its first character and the rest.
func lines(name, rule, pattern string) Spelling {
	return Spelling{name, rule, func(event, id, data string) string {
		return strings.NewReplacer("<N>", event, "<I>", id, "<D>", data, "<D1>", data[:1], "<D2>", data[1:]).Replace(pattern)
	}}
}

// Spellings all mean the same event.
func Spellings() []Spelling {
	return []Spelling{
		lines("as we write", ruleData, "event: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("without spaces", ruleSpace, "event:<N>\nid:<I>\ndata:<D>\n\n"),
		lines("id first", ruleData, "id: <I>\nevent: <N>\ndata: <D>\n\n"),
		lines("data first", ruleData, "data: <D>\nid: <I>\nevent: <N>\n\n"),
		lines("CR", ruleLineEnds, "event: <N>\rid: <I>\rdata: <D>\r\r"),
		lines("CRLF", ruleLineEnds, "event: <N>\r\nid: <I>\r\ndata: <D>\r\n\r\n"),
		lines("all line ends", ruleLineEnds, "event: <N>\rid: <I>\r\ndata: <D>\n\r"),
		lines("data in two lines", ruleData, "event: <N>\nid: <I>\ndata: <D1>\ndata: <D2>\n\n"),
		lines("data in lines with others between", ruleData, "data: <D1>\nevent: <N>\nid: <I>\ndata:\ndata: <D2>\ndata\n\n"),
		lines("comments", ruleComment, ": a\nevent: <N>\n:\nid: <I>\n: data: b\ndata: <D>\n:event: c\n\n"),
		lines("unknown fields", ruleUnknown, "foo\nevent: <N>\nDATA: x\nid: <I>\nids: 9\ndata: <D>\n event: x\n\n"),
		lines("the last name counts", ruleType, "event: end\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("the last id counts", ruleID, "id: 99\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("id with NUL", ruleIDNull, "event: <N>\nid: <I>\nid: 9\x009\ndata: <D>\n\n"),
		lines("retry of nonsense", ruleRetry, "retry: soon\nevent: <N>\nid: <I>\nretry:-1\ndata: <D>\nretry: 1e9\n\n"),
		lines("many empty lines", ruleNoData, "\n\n\r\n\revent: <N>\nid: <I>\ndata: <D>\n\n\n\r\r\n"),
		lines("after a name without data", ruleNoData, "event: end\n\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("after an event without a name", ruleType, "data: {\"seq\":99}\n\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("after an event of another name", ruleType, "event: Post\ndata: {\"seq\":99}\n\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
		lines("after bytes that are not UTF-8", ruleUTF8, ": \xFF\xC3\n\xE2\x82: x\n\nevent: <N>\nid: <I>\ndata: <D>\n\n"),
	}
}
