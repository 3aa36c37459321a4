package pages

import (
	"io/fs"
	"strings"
	"testing"

	"dateline/web"
)

// The files that readers load stay within their budgets; the test logs what they weigh.
func TestAssets_StayWithinTheirBudgets(t *testing.T) {
	t.Parallel()
	files, err := newAssets(web.Assets)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := fs.Glob(web.Assets, "*.*")
	for _, name := range names {
		a := files.byURL[strings.TrimPrefix(files.byName[name], staticPath)]
		t.Logf("%-12s %6d bytes, %5d with gzip", name, len(a.plain), len(a.gzipped))
		if limit := map[string]int{"reader.js": 7 << 10, "reader.css": 6 << 10}[name]; limit > 0 && len(a.gzipped) > limit {
			t.Errorf("%s: %d bytes with gzip, budget %d", name, len(a.gzipped), limit)
		}
	}
}

func TestDirection(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{"en": "ltr", "ar": "rtl", "he-IL": "rtl", "az-Arab": "rtl", "ks-Deva": "ltr", "FA": "rtl", "sd-Arab-PK": "rtl", "de-1996": "ltr"} {
		if got := direction(tag); got != want {
			t.Errorf("%s is %s, want %s", tag, got, want)
		}
	}
}

func TestSqueezed(t *testing.T) {
	t.Parallel()
	source := "const f = async (a, b) => a ? .5 : `${ a } = ${b}, 'c' : d` + ' { }' + \"don\\'t = \"\nreturn - a + b\n"
	want := "const f=async(a,b)=>a?.5:`${ a } = ${b}, 'c' : d` + ' { }' + \"don\\'t = \"\nreturn - a + b\n"
	if got := string(squeezed([]byte(source))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
