//go:build unix

package testbed_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"dateline/internal/proof/chaos/testbed"
)

// asHarness makes the test binary start a bed in a directory, so that a test can
// kill it; asProgram names the product for it.
const (
	asHarness = "DATELINE_TEST_HARNESS"
	asProgram = "DATELINE_TEST_PROGRAM"
)

// beHarness says when the bed runs, and then waits for its own end.
func beHarness(dir string) {
	_, err := testbed.Start(context.Background(), testbed.Config{
		Dir: dir, Binary: os.Getenv(asProgram), Nodes: 1, Standby: true, Nginx: true,
	})
	fmt.Println("started", err)
	select {}
}

func TestBed_EndsWithItsHarness(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // only Linux tells children of their parent's death
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asHarness+"="+openDir(t)+"/bed", asProgram+"="+program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "started <nil>\n" {
		t.Fatal(line, err)
	}
	pids := descendants(t, cmd.Process.Pid)
	if len(pids) < 4 {
		t.Errorf("the bed has only the processes %v", pids)
	}
	cmd.Process.Kill()
	cmd.Wait()
	awaitEnds(t, pids)
}

func awaitEnds(t *testing.T, pids []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var left int
	ended := eventually(ctx, func() bool {
		parents := parents(t)
		left = 0
		for _, pid := range pids {
			if _, alive := parents[pid]; alive {
				left++
			}
		}
		return left == 0
	})
	if !ended {
		t.Fatalf("%d of the processes %v live on", left, pids)
	}
}

// descendants are the children of a process and theirs.
func descendants(t *testing.T, root int) (pids []int) {
	t.Helper()
	parents := parents(t)
	for pid := range parents {
		for up := parents[pid]; up != 0; up = parents[up] {
			if up == root {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

// parents are those of all processes that have not ended.
func parents(t *testing.T) map[int]int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int]int)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pid, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatal(err)
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(fields[2], "Z") {
			all[pid] = parent
		}
	}
	return all
}
