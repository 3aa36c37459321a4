package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"dateline/internal/proof/pgtest"
)

// BenchmarkHalfOpen measures how long readers are kept who went without a word:
// the link to their network namespace goes down under open streams. It needs the
// rights to make one. TestGate_TunesConnections guards what it shows.
func BenchmarkHalfOpen(b *testing.B) {
	const streams = 20
	away := newNamespace(b)
	dsn := pgtest.DSN(b)
	node, robot := startProcess(b, dsn, "--listen="+away.here+":0"), newRobot(b, dsn)
	robot.newBlog(b, node.url, "dark")
	for _, published := range []bool{false, true} {
		calm := node.usage(b).files
		for range streams {
			away.start("curl", "-sN", "-o", "/dev/null", node.url+"/api/v1/blogs/dark/stream?after=0")
		}
		eventually(b, startLimit, "the streams are open", func() bool { return node.usage(b).files >= calm+streams })
		away.run("ip", "link", "set", away.name, "down")
		began := time.Now()
		if published {
			robot.post(b, node.url, "dark", "Nobody answers")
		}
		eventually(b, 2*time.Minute, "the streams are freed", func() bool { return node.usage(b).files <= calm+2 })
		b.Logf("published %t: %d half-open streams were freed after %v", published, streams, time.Since(began).Round(100*time.Millisecond))
		away.run("ip", "link", "set", away.name, "up")
	}
}

// namespace is a network of its own, with one link to ours.
type namespace struct {
	t     testing.TB
	name  string
	here  string // our address on the link
	there string
}

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a network namespace")
	}
	n := &namespace{t: t, name: fmt.Sprintf("dl%d", os.Getpid()), here: "198.18.0.1", there: "198.18.0.2"}
	command(t, "ip", "netns", "add", n.name)
	t.Cleanup(func() { command(t, "ip", "netns", "del", n.name) })
	command(t, "ip", "link", "add", n.name+"h", "type", "veth", "peer", "name", n.name, "netns", n.name)
	command(t, "ip", "addr", "add", n.here+"/30", "dev", n.name+"h")
	command(t, "ip", "link", "set", n.name+"h", "up")
	n.run("ip", "addr", "add", n.there+"/30", "dev", n.name)
	n.run("ip", "link", "set", n.name, "up")
	return n
}

// run runs a program in the namespace.
func (n *namespace) run(args ...string) {
	n.t.Helper()
	command(n.t, "ip", append([]string{"netns", "exec", n.name}, args...)...)
}

// start leaves a program running in the namespace until the test ends.
func (n *namespace) start(args ...string) {
	n.t.Helper()
	c := exec.CommandContext(n.t.Context(), "ip", append([]string{"netns", "exec", n.name}, args...)...)
	if err := c.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
}

func command(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v %s", name, strings.Join(args, " "), err, out)
	}
}
