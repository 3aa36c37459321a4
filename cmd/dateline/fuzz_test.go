package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a client sends may stand in the log, but not as lines of its own.
func FuzzLogOneLine(f *testing.F) {
	for _, s := range []string{"/b/cup-final", "a\nb", "a\r\nlevel=ERROR msg=x", "\x1b[31m", "\u2028\u2029\u0085\v\f", "\x00", "\xff", `"`, "a=b c", "%!s(MISSING)", `{"level":"ERROR"}`} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, path, method string) {
		for _, format := range []string{"json", "text"} {
			line := logged(format, path, method)
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.ContainsAny(line, "\r\x00\x1b\v\f\u2028\u2029") {
				t.Errorf("%s: %q is not one line", format, line)
			}
			var read struct{ Msg, Path, Method string }
			if format == "json" && (json.Unmarshal([]byte(line), &read) != nil || read.Msg != "request" || utf8.ValidString(path) && utf8.ValidString(method) && (read.Path != path || read.Method != method)) {
				t.Errorf("%q tells of %+v", line, read)
			}
		}
	})
}

// logged is the line of a request in the product's log.
func logged(format, path, method string) string {
	var b bytes.Buffer
	newLog(Config{LogLevel: "info", LogFormat: format}, &b).Info("request", "method", method, "path", path)
	return b.String()
}
