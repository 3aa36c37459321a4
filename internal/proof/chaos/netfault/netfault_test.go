package netfault_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dateline/internal/proof/chaos/netfault"
	"dateline/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	limit = 30 * time.Second       // for what takes milliseconds
	quiet = 150 * time.Millisecond // in which nothing may come
)

// setting is a proxy before a server that hands its connections to the test.
type setting struct {
	*netfault.Proxy
	t        *testing.T
	accepted chan *net.TCPConn
}

func start(t *testing.T) *setting {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := netfault.Listen(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &setting{Proxy: p, t: t, accepted: make(chan *net.TCPConn, 16)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted <- c.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() {
		p.Close()
		l.Close()
		<-done
	})
	return s
}

func (s *setting) client() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	return s.limited(c.(*net.TCPConn))
}

func (s *setting) limited(c *net.TCPConn) *net.TCPConn {
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *setting) server() *net.TCPConn {
	s.t.Helper()
	select {
	case c := <-s.accepted:
		return s.limited(c)
	case <-time.After(limit):
		s.t.Fatal("the target got no connection")
		return nil
	}
}

// expectReset connects and is reset, which may be as early as that.
func (s *setting) expectReset() {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err == nil {
		_, err = s.limited(c.(*net.TCPConn)).Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		s.t.Fatal(err)
	}
}

func (s *setting) pair() (client, server *net.TCPConn) { return s.client(), s.server() }

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, text string) {
	t.Helper()
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
		t.Fatalf("read %q %v, want %q", buf, err, text)
	}
}

func expectNothing(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(quiet))
	n, err := c.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	c.SetReadDeadline(time.Now().Add(limit))
}

func expectEnd(t *testing.T, c net.Conn, want error) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, want) {
		t.Fatalf("read %d bytes, %v, want %v", n, err, want)
	}
}

func TestProxy_PassesBothWaysAndHalfClose(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	send(t, client, "question")
	expect(t, server, "question")
	client.CloseWrite()
	expectEnd(t, server, io.EOF)
	send(t, server, "answer")
	expect(t, client, "answer")
	server.Close()
	expectEnd(t, client, io.EOF)
	if got := s.Stats(); got.Connections != 1 || got.Up != 8 || got.Down != 6 {
		t.Errorf("%+v", got)
	}
}

func TestProxy_PassesResets(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	server.SetLinger(0)
	server.Close()
	expectEnd(t, client, syscall.ECONNRESET)
}

func TestProxy_ResetsWhenTargetIsAway(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	s := start(t)
	s.SetTarget(gone.Addr().String())
	s.expectReset()
}

func TestProxy_Cut(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	send(t, client, "x")
	expect(t, server, "x")
	s.Cut()
	expectEnd(t, client, syscall.ECONNRESET)
	expectEnd(t, server, syscall.ECONNRESET)
}

func TestProxy_RefuseLeavesOpenOnes(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	s.Refuse(true)
	s.expectReset()
	send(t, client, "still")
	expect(t, server, "still")
	s.Refuse(false)
	s.pair()
}

func TestProxy_HangLeavesOpenOnes(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	for range 2 {
		s.Hang(true)
		c, err := net.DialTimeout("tcp", s.Addr(), quiet)
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Fatal(c, err)
		}
		send(t, client, "still")
		expect(t, server, "still")
		s.Hang(false)
	}
	next, server := s.pair()
	send(t, next, "next")
	expect(t, server, "next")
}

func TestProxy_CloseWhileConnectionsHang(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Hang(true)
	s.Close()
}

func TestProxy_HoldKeepsBytesAndEnd(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	s.Set(netfault.Partition)
	send(t, client, "held")
	client.CloseWrite()
	send(t, server, "too")
	expectNothing(t, server)
	expectNothing(t, client)
	s.Clear()
	expect(t, server, "held")
	expectEnd(t, server, io.EOF)
	expect(t, client, "too")
}

func TestProxy_HoldKeepsReset(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	s.Set(netfault.Partition)
	server.SetLinger(0)
	server.Close()
	expectNothing(t, client)
	s.Clear()
	expectEnd(t, client, syscall.ECONNRESET)
}

func TestProxy_SwallowCutsWhenLifted(t *testing.T) {
	t.Parallel()
	s := start(t)
	losing, server := s.pair()
	idle, other := s.pair()
	s.Set(netfault.LostAnswers)
	send(t, losing, "commit")
	expect(t, server, "commit")
	send(t, server, "done")
	expectNothing(t, losing)
	s.Clear()
	expectEnd(t, losing, syscall.ECONNRESET)
	expectEnd(t, server, syscall.ECONNRESET)
	send(t, other, "nothing was lost here")
	expect(t, idle, "nothing was lost here")
}

func TestProxy_SetOnIsOfOneConnection(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	other, otherServer := s.pair()
	if !s.SetOn(server.RemoteAddr().(*net.TCPAddr).Port, netfault.Partition) || s.SetOn(1, netfault.Partition) {
		t.Fatal("the connection was not found, or another was")
	}
	send(t, client, "held")
	expectNothing(t, server)
	send(t, other, "passes")
	expect(t, otherServer, "passes")
	s.Clear()
	expect(t, server, "held")
}

// space keeps a time between two sends or two conditions. It waits for nothing:
// the time is part of the traffic under test.
func space(t *testing.T, d time.Duration) {
	t.Helper()
	wait.For(t.Context(), d)
}

func TestProxy_LatencyIsNotPerPiece(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	const latency = 200 * time.Millisecond
	s.Set(netfault.Conditions{Up: netfault.Way{Latency: latency}})
	begun := time.Now()
	for range 20 {
		send(t, client, "x")
		space(t, 5*time.Millisecond) // makes pieces of their own
	}
	expect(t, server, "xxxxxxxxxxxxxxxxxxxx")
	if took := time.Since(begun); took < latency || took > 10*latency {
		t.Errorf("took %v", took)
	}
}

func TestProxy_Bandwidth(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	s.Set(netfault.Conditions{Down: netfault.Way{BytesPerSecond: 100_000}})
	begun := time.Now()
	text := string(bytes.Repeat([]byte("0123456789"), 3000))
	send(t, server, text)
	expect(t, client, text)
	if took := time.Since(begun); took < 250*time.Millisecond || took > 3*time.Second {
		t.Errorf("30 kB at 100 kB/s took %v", took)
	}
}

func TestProxy_SlicesArePieces(t *testing.T) {
	t.Parallel()
	s := start(t)
	client, server := s.pair()
	s.Set(netfault.Conditions{Up: netfault.Way{Slice: 1, BytesPerSecond: 20}})
	send(t, client, "ab")
	buf := make([]byte, 10)
	if n, err := server.Read(buf); n != 1 || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	expect(t, server, "b")
}

// TestProxy_TakesBoundedAmount fills a link whose receiver does not read.
func TestProxy_TakesBoundedAmount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]netfault.Conditions{"plain": {}, "held": netfault.Partition} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			client, _ := s.pair()
			s.Set(c)
			client.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			n, err := client.Write(make([]byte, 64<<20))
			if !errors.Is(err, os.ErrDeadlineExceeded) || n > 24<<20 {
				t.Errorf("took %d bytes, %v", n, err)
			}
		})
	}
}

// TestProxy_NeverAltersBytes changes the conditions at random while bytes pass
// both ways, and compares what arrives.
func TestProxy_NeverAltersBytes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s := start(t)
			client, server := s.pair()
			random := rand.New(rand.NewPCG(seed, 1))
			results := make(chan error, 4)
			carry(results, client, server, rand.NewPCG(seed, 2))
			carry(results, server, client, rand.NewPCG(seed, 3))
			for range 40 {
				s.Set(netfault.Conditions{Up: anyWay(random), Down: anyWay(random)})
				space(t, time.Duration(random.IntN(10))*time.Millisecond)
			}
			s.Clear()
			for range 4 {
				if err := <-results; err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

func anyWay(r *rand.Rand) (w netfault.Way) {
	if r.IntN(3) == 0 {
		return w
	}
	w.Latency = time.Duration(r.IntN(4)) * time.Millisecond
	w.Jitter = time.Duration(r.IntN(4)) * time.Millisecond
	w.Hold = r.IntN(4) == 0
	if r.IntN(3) == 0 {
		w.Slice = 1 + r.IntN(100)
	}
	if r.IntN(3) == 0 {
		w.BytesPerSecond = 100_000 + r.IntN(10_000_000)
	}
	return w
}

const carried = 3 << 20 // bytes

// carry sends what a seed gives in pieces of any size, and compares it at the
// other end up to the end of the stream. It gives two results.
func carry(results chan<- error, from, to *net.TCPConn, seed *rand.PCG) {
	random := rand.New(seed)
	data := make([]byte, carried)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	go func() {
		var err error
		for rest := data; len(rest) > 0 && err == nil; {
			n := min(len(rest), 1+random.IntN(60_000))
			_, err = from.Write(rest[:n])
			rest = rest[n:]
		}
		results <- errors.Join(err, from.CloseWrite())
	}()
	go func() {
		got, err := io.ReadAll(to)
		if err == nil && !bytes.Equal(got, data) {
			err = errors.New("the bytes differ")
		}
		results <- err
	}()
}

// BenchmarkProxy_SmallPieces is a stream's life: a kilobyte at a time.
func BenchmarkProxy_SmallPieces(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	p, err := netfault.Listen(l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	client, err := net.Dial("tcp", p.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	piece, buf := make([]byte, 1024), make([]byte, 1024)
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := server.Write(piece); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, buf); err != nil {
			b.Fatal(err)
		}
	}
}
