package markup_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"dateline/internal/liveblog"
	"dateline/internal/markup"

	"golang.org/x/sys/unix"
)

// most is ten times what a text may take: machines differ, and race detectors. What
// these tests are for takes seconds.
const most = 500 * time.Millisecond

// cost is the processor time that publishing a text takes, the least of some tries.
func cost(format, body string) (least time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	least = time.Hour
	for range 3 {
		begin := processorTime()
		err = convert(format, body)
		if least = min(least, processorTime()-begin); least < most/10 {
			break
		}
	}
	return least, err
}

func processorTime() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &usage) // fails only for a bad address
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// convert does what the server does with the text of a post.
func convert(format, body string) error {
	if len(body) > liveblog.MaxBody {
		return nil
	}
	markdown, err := markup.ToMarkdown(format, body)
	if err != nil || len(markdown) > liveblog.MaxBody {
		return err
	}
	doc, err := markup.Parse(markdown)
	if err != nil {
		return err
	}
	doc.Images()
	_, err = doc.Render(nil)
	return err
}

// Whatever is sent, in whatever format, is published or refused within its time.
func TestConvert_TimeOfEveryKind(t *testing.T) {
	for _, k := range kinds {
		took, err := cost(k.format, k.text())
		t.Logf("%8v %s: %s (%v)", took.Round(time.Millisecond), k.format, k.name, err)
		if took > most {
			t.Errorf("%s, %s: took %v", k.format, k.name, took)
		}
		if err != nil && !errors.Is(err, liveblog.ErrInvalid) {
			t.Errorf("%s, %s: %v", k.format, k.name, err)
		}
	}
}

// FuzzCost looks for kinds that are not known yet. What costs too much is kept in
// testdata.
func FuzzCost(f *testing.F) {
	formats := []string{"markdown", "text", "html"}
	for _, k := range kinds {
		for i, format := range formats {
			if format == k.format && len(k.head)+len(k.unit)+len(k.tail) < longest {
				f.Add(byte(i), k.head, k.unit, k.tail, byte(1), byte(1))
			}
		}
	}
	f.Add(byte(0), "[", "*a*", "]", byte(200), byte(200))
	f.Add(byte(0), "- ", "\n", "a", byte(31), byte(1))
	f.Add(byte(2), "<blockquote>", "x<br>", "", byte(200), byte(1))
	f.Fuzz(func(t *testing.T, format byte, head, unit, tail string, heads, tails byte) {
		if len(head)+len(unit)+len(tail) > longest {
			return
		}
		k := kind{format: formats[int(format)%len(formats)], unit: unit,
			head: strings.Repeat(head, 1+int(heads)), tail: strings.Repeat(tail, 1+int(tails))}
		if took, _ := cost(k.format, k.text()); took > most {
			t.Errorf("%s: %q times %d, %q, %q times %d: took %v", k.format, head, 1+int(heads), unit, tail, 1+int(tails), took)
		}
	})
}
