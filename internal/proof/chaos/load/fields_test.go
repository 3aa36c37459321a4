package load

import (
	"encoding/json"
	"hash/fnv"
	"testing"
	"unicode/utf8"
)

func TestFields_ReadWhatJSONReads(t *testing.T) {
	t.Parallel()
	for _, object := range []string{
		`{}`, `{"a":1}`, `{ "a" : 1 , "b" : -2.5e3 }`, `{"a":"x\"y","b":"\\","c":"\\\""}`, `{"a":{"b":[1,{"c":"}"}]},"d":null}`,
		`{"a":[],"b":[[],{}],"c":true,"d":"\ud83c\udf89\u2028\/\b\f\n\r\t\u00e9"}`, `{"a":"{[","b":"]}"}`, `{"lone":"\ud83c x","ü":"ü"}`,
	} {
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &want); err != nil {
			t.Fatal(err)
		}
		n := 0
		for key, raw := range fields([]byte(object)) {
			n++
			if string(raw) != string(want[string(key)]) {
				t.Errorf("%s: %s is %s", object, key, raw)
			}
			var s string
			if json.Unmarshal(raw, &s) == nil && string(raw) != "null" && s != text(raw) {
				t.Errorf("%s: the text of %s is %q, not %q", object, key, text(raw), s)
			}
		}
		if n != len(want) {
			t.Errorf("%s: %d fields", object, n)
		}
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for array, want := range map[string]int{`[]`: 0, `[ ]`: 0, `[1]`: 1, `[{"a":[1,2]}, "]" ,[]]`: 3} {
		n := 0
		for range elements([]byte(array)) {
			n++
		}
		if n != want {
			t.Errorf("%s has %d elements", array, n)
		}
	}
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{"a":"\u12"}`, `{"a":"\`, `{"a"`, `{"a":[}`, `[{`, `{"a":"\ud83c\u"}`, `{"html":"<p>x</p>"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		got := map[string]string{}
		for key, raw := range fields(object) {
			got[text(append(append([]byte{'"'}, key...), '"'))] = text(raw)
			for range elements(raw) {
				_ = number(raw)
			}
		}
		var want map[string]string
		if !utf8.Valid(object) || json.Unmarshal(object, &want) != nil {
			return
		}
		for key, s := range want {
			if got[key] != s && s != "" {
				t.Errorf("%s: %q is %q, not %q", object, key, got[key], s)
			}
		}
	})
}

func TestHash_IsFNV(t *testing.T) {
	t.Parallel()
	h := fnv.New64a()
	h.Write([]byte("<p>2:1</p>"))
	if hash([]byte("<p>2:1</p>")) != h.Sum64() {
		t.Error("not FNV-1a")
	}
}
