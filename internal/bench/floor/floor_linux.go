package floor

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"dateline/internal/bench/scan"
)

const (
	logBytes    = 1 << 30 // of address space for all messages; memory is taken as it is used
	logMessages = 1 << 20
	backlog     = 4096
	head        = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// Run serves: one loop per core that for each message walks all its sockets with
// one system call each, and shares the bytes, in chunks as they come. Messages
// come on in, a line with the size before each; the address of the port is
// written to out. It returns when in or ctx ends.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	f := &floor{log: make([]byte, logBytes), ends: make([]int64, logMessages+1)}
	defer f.stop()
	address := "127.0.0.1:0"
	cores := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(cores + 1) // loops keep their processors while they walk; messages come in meanwhile
	defer runtime.GOMAXPROCS(cores)
	for range cores {
		l, err := newLoop(f, address)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		f.loops, address = append(f.loops, l), l.address
		f.running.Go(l.run)
	}
	fmt.Fprintln(out, address)
	ended := make(chan error, 1)
	go func() { ended <- f.listen(bufio.NewReaderSize(in, 1<<20)) }() // ends with in, which the process has to itself
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// floor is what the loops share: the log only grows, and count says how far it
// may be read.
type floor struct {
	log     []byte
	ends    []int64 // of the messages; ends[0] is 0
	count   atomic.Int64
	halted  atomic.Bool
	loops   []*loop
	running sync.WaitGroup
}

func (f *floor) halt() {
	f.halted.Store(true)
	f.ring()
}

func (f *floor) stop() {
	f.halt()
	f.running.Wait()
	for _, l := range f.loops {
		l.close()
	}
}

func (f *floor) ring() {
	one := [8]byte{1}
	for _, l := range f.loops {
		_, _ = unix.Write(l.bell, one[:]) // full means that it rings already
	}
}

// listen appends messages to the log until in ends.
func (f *floor) listen(in *bufio.Reader) error {
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		n := f.count.Load()
		size, err := strconv.Atoi(line[:len(line)-1])
		if err != nil || n == logMessages || size < 0 || f.ends[n]+int64(size) > logBytes {
			return fmt.Errorf("floor: no room for message %d of %q bytes", n, line)
		}
		f.ends[n+1] = f.ends[n] + int64(size)
		if _, err := io.ReadFull(in, f.log[f.ends[n]:f.ends[n+1]]); err != nil {
			return fmt.Errorf("floor: message %d: %w", n, err)
		}
		f.count.Store(n + 1)
		f.ring()
	}
}

// loop owns a part of the sockets.
type loop struct {
	floor                 *floor
	epoll, bell, listener int
	address               string
	conns                 map[int32]int // by file, where in list
	list                  []conn
	done                  int64 // messages that were walked
	wake                  []unix.EpollEvent
	scratch               []byte
}

// conn is the connection of a reader.
type conn struct {
	fd      int32
	ready   bool // its request was answered
	blocked bool // its socket is full
	at      int64
}

func newLoop(f *floor, address string) (*loop, error) {
	l := &loop{floor: f, conns: map[int32]int{}, wake: make([]unix.EpollEvent, 512), scratch: make([]byte, 64<<10)}
	var err error
	if l.listener, l.address, err = listenShared(address); err != nil {
		return nil, err
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, err
	}
	if err := l.watch(unix.EPOLL_CTL_ADD, l.bell, unix.EPOLLIN); err != nil {
		return nil, err
	}
	return l, l.watch(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN)
}

// listenShared listens on a port that the loops share: the kernel spreads
// connections over them.
func listenShared(address string) (fd int, bound string, err error) {
	host, port, _ := bytes.Cut([]byte(address), []byte(":"))
	number, err := strconv.Atoi(string(port))
	if err != nil {
		return 0, "", err
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, "", err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, "", err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return 0, "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, "", err
	}
	return fd, fmt.Sprintf("%s:%d", host, name.(*unix.SockaddrInet4).Port), nil
}

func (l *loop) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *loop) close() {
	for _, c := range l.list {
		unix.Close(int(c.fd))
	}
	unix.Close(l.listener)
	unix.Close(l.epoll)
	unix.Close(l.bell)
}

func (l *loop) run() {
	for !l.floor.halted.Load() {
		n, err := unix.EpollWait(l.epoll, l.wake, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, ev := range l.wake[:max(n, 0)] {
			l.handle(ev)
		}
		l.walk()
	}
}

func (l *loop) handle(ev unix.EpollEvent) {
	switch int(ev.Fd) {
	case l.bell:
		var count [8]byte
		_, _ = unix.Read(l.bell, count[:]) // it rang
		return
	case l.listener:
		l.accept()
		return
	}
	i, known := l.conns[ev.Fd]
	switch {
	case !known:
	case ev.Events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0:
		l.drop(i)
	case !l.list[i].ready:
		l.answer(i)
	case l.list[i].blocked:
		l.list[i].blocked = false
		_ = l.watch(unix.EPOLL_CTL_MOD, int(ev.Fd), unix.EPOLLRDHUP) // of a socket that is in the set
		l.send(i, l.floor.ends[l.done])
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as Go does
		if l.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLRDHUP) != nil {
			unix.Close(fd)
			continue
		}
		l.conns[int32(fd)] = len(l.list)
		l.list = append(l.list, conn{fd: int32(fd)})
	}
}

// answer reads a request, which our readers send in one piece, and answers with
// the head and all that the reader is behind.
func (l *loop) answer(i int) {
	c := &l.list[i]
	n, err := unix.Read(int(c.fd), l.scratch)
	if err != nil || !bytes.HasSuffix(l.scratch[:n], []byte("\r\n\r\n")) {
		l.drop(i)
		return
	}
	known := l.floor.count.Load()
	after := known
	if _, rest, given := bytes.Cut(l.scratch[:n], []byte("?after=")); given {
		after = min(max(0, scan.Digits(rest)), known)
	}
	greeting := fmt.Appendf(nil, "retry: 1000\n\nevent: hello\nid: %d\ndata: {}\n\n", after)
	b := append(append(l.scratch[:0], head...), Chunk(greeting)...)
	begin := len(b)
	b = append(b, l.floor.log[l.floor.ends[after]:l.floor.ends[known]]...)
	l.scratch = b[:cap(b)]
	sent, errno := transmit(c.fd, b)
	if errno != 0 || sent < begin {
		l.drop(i)
		return
	}
	c.ready, c.at = true, l.floor.ends[after]+int64(sent-begin)
	if sent < len(b) {
		l.block(c)
		return
	}
	_ = l.watch(unix.EPOLL_CTL_MOD, int(c.fd), unix.EPOLLRDHUP) // as above
}

// walk sends each new message to every socket that takes it.
func (l *loop) walk() {
	for count := l.floor.count.Load(); l.done < count; count = l.floor.count.Load() {
		l.done++
		end := l.floor.ends[l.done]
		for i := len(l.list) - 1; i >= 0; i-- { // backwards: drop puts the last in the place of a dropped one
			if c := &l.list[i]; c.ready && !c.blocked && c.at < end {
				l.send(i, end)
			}
		}
	}
}

// send writes a reader's bytes up to end, as far as its socket takes them.
func (l *loop) send(i int, end int64) {
	c := &l.list[i]
	if c.at >= end {
		return
	}
	n, errno := transmit(c.fd, l.floor.log[c.at:end])
	if errno != 0 && errno != unix.EAGAIN {
		l.drop(i)
		return
	}
	if c.at += int64(n); c.at < end {
		l.block(c)
	}
}

func (l *loop) block(c *conn) {
	c.blocked = true
	_ = l.watch(unix.EPOLL_CTL_MOD, int(c.fd), unix.EPOLLOUT|unix.EPOLLRDHUP) // of a socket that is in the set
}

func (l *loop) drop(i int) {
	fd, last := l.list[i].fd, len(l.list)-1
	delete(l.conns, fd)
	if i != last {
		l.list[i] = l.list[last]
		l.conns[l.list[i].fd] = i
	}
	l.list = l.list[:last]
	unix.Close(int(fd))
}

// transmit hands bytes to the kernel and never waits, so that the scheduler need
// not know.
func transmit(fd int32, b []byte) (n int, errno syscall.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	for {
		//nolint:gosec // the bytes stay where they are during the call
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(sent), 0
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
