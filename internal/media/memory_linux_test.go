package media

import (
	"bufio"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Twelve uploads at once, each a small file that becomes 80 MB, take the memory
// of as many as are allowed. A process of its own does it: what counts is what the
// system saw, garbage included.
func TestProcess_MemoryOfTwelveAtOnce(t *testing.T) {
	width, allowed := 4000, 160 // MB
	most := allowed + maxGarbage>>20 + 40
	if withRaceDetector() { // slow, and with a shadow of the memory
		width, allowed, most = width/8, allowed/8, 6*most
	}
	if os.Getenv("DATELINE_TEST_UPLOADS") != "" {
		uploadTwelve(t, width, int64(allowed)<<20)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess_MemoryOfTwelveAtOnce$", "-test.v")
	cmd.Env = append(os.Environ(), "DATELINE_TEST_UPLOADS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "peak=")
	peak, err := strconv.Atoi(strings.Fields(rest + " ?")[0])
	t.Logf("took %d MB", peak)
	if err != nil || peak > most {
		t.Errorf("took %d MB (%v), want %d at most\n%s", peak, err, most, out)
	}
}

func withRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func uploadTwelve(t *testing.T, width int, memory int64) {
	p := newProcessor(memory)
	data := pngBomb(16, 6, 0, width, 2500, 64)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := p.Process(t.Context(), data); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("a file of %d kB, twelve times: peak=%d MB", len(data)>>10, peakMemory(t))
}

// peakMemory is the most that this process had of the machine's memory, in MB.
func peakMemory(t *testing.T) int {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kB, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kB >> 10
		}
	}
	t.Fatal("the system does not tell")
	return 0
}
