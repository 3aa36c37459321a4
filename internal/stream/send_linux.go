package stream

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostBuffers is how many buffers one system call takes; the kernel's limit is
// 1024 (IOV_MAX).
const mostBuffers = 512

// send writes the rest of a reader's last frame and then buffers, without ever
// waiting. It returns how many of the buffers were begun; the remainder of one
// that was not finished is the reader's new rest, and the reader is blocked then.
// It reports false for a connection that is broken.
func (l *loop) send(r *seat, buffers [][]byte) (begun int, ok bool) {
	for {
		size := l.gather(r.rest, buffers[begun:])
		if size == 0 {
			r.watch = patience{}
			return begun, true
		}
		n, errno := l.transmit(int(r.fd))
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			l.block(r, 0)
			return begun, true
		case errno != 0:
			return begun, false
		}
		r.sent = l.clock
		begun += r.take(n, buffers[begun:])
		if n < size {
			l.block(r, n)
			if begun > 0 {
				r.watch.began = l.clock // it takes whole frames: slow, but not dead
			}
			return begun, true
		}
	}
}

// gather lists what to write next and returns its size in bytes.
func (l *loop) gather(rest []byte, buffers [][]byte) (size int) {
	l.iov = l.iov[:0]
	if len(rest) > 0 {
		size = l.list(rest)
	}
	for _, b := range buffers[:min(len(buffers), mostBuffers-1)] {
		size += l.list(b)
	}
	return size
}

func (l *loop) list(b []byte) int {
	l.iov = append(l.iov, unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))})
	return len(b)
}

// transmit hands the listed buffers to the kernel. The call never waits, so the
// scheduler need not be told of it.
func (l *loop) transmit(fd int) (int, syscall.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if len(l.iov) == 1 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(l.iov[0].Base)), uintptr(l.iov[0].Len), flags, 0, 0)
		return int(n), errno
	}
	l.message.Iov = unsafe.SliceData(l.iov)
	l.message.SetIovlen(len(l.iov))
	n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&l.message)), flags)
	return int(n), errno
}

// take notes that n bytes were written and returns how many buffers these began.
func (r *seat) take(n int, buffers [][]byte) (begun int) {
	taken := min(n, len(r.rest))
	if r.rest, n = r.rest[taken:], n-taken; len(r.rest) == 0 {
		r.rest = nil
	}
	for n > 0 {
		b := buffers[begun]
		begun++
		if n < len(b) {
			r.rest = b[n:len(b):len(b)] // clipped: it is shared, and never appended to in place
		}
		n -= min(n, len(b))
	}
	return begun
}
