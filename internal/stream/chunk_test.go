package stream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dateline/internal/listen"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// serveOn answers requests with streams from the log's beginning until the test
// ends, and returns its address.
func serveOn(t *testing.T, h *Hub) (address string) {
	t.Helper()
	l := openPort(t)
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.Serve(w, r, Request{BlogID: blogA, Position: Position{HasAfter: true}, Address: "192.0.2.1"})
		}),
		ConnContext: listen.ConnContext,
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); _ = s.Serve(connListener{l}) }()
	t.Cleanup(func() { s.Close(); <-stopped })
	return l.Addr().String()
}

// rawStream is an answer as its bytes come.
type rawStream struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	head string
}

// request sends a request as it is and reads the head of the answer.
func request(t *testing.T, address, protocol, lines string) *rawStream {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // of a connection that is open
	if _, err := fmt.Fprintf(conn, "GET / %s\r\nHost: x\r\n%s\r\n", protocol, lines); err != nil {
		t.Fatal(err)
	}
	s := &rawStream{t: t, conn: conn, in: bufio.NewReader(conn)}
	for !strings.HasSuffix(s.head, "\r\n\r\n") {
		line, err := s.in.ReadString('\n')
		if s.head += line; err != nil {
			t.Fatalf("%q: %v", s.head, err)
		}
	}
	return s
}

// chunk reads the next chunk. The last one is empty.
func (s *rawStream) chunk() []byte {
	s.t.Helper()
	line, err := s.in.ReadString('\n')
	size, sizeErr := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 31)
	if err := errors.Join(err, sizeErr); err != nil {
		s.t.Fatalf("the size of a chunk is %q: %v", line, err)
	}
	content := make([]byte, size+2)
	if _, err := io.ReadFull(s.in, content); err != nil || string(content[size:]) != "\r\n" {
		s.t.Fatalf("a chunk of %d bytes ends with %q: %v", size, content[max(0, len(content)-9):], err)
	}
	return content[:size]
}

// ends checks that nothing comes any more, and that the connection is closed.
func (s *rawStream) ends() {
	s.t.Helper()
	if rest, err := io.ReadAll(s.in); err != nil || len(rest) > 0 {
		s.t.Errorf("behind the end there is %q, %v", rest, err)
	}
}

func startStory(t *testing.T, posts int) (*Hub, *memoryLog) {
	t.Helper()
	log := newMemoryLog()
	for range posts {
		log.append(liveblog.EventPost, uuid.New(), 1, strings.Repeat("What happened. ", 40))
	}
	return startHub(t, log, roomy), log
}

// A client that returns what it has read at the end of a chunk gets each event at
// once, also one that no other follows.
func TestChunk_EachPieceEndsWithItsChunk(t *testing.T) {
	t.Parallel()
	h, log := startStory(t, 3)
	s := request(t, serveOn(t, h), "HTTP/1.1", "")
	if !strings.Contains(s.head, "\r\nTransfer-Encoding: chunked\r\n") || strings.Contains(s.head, "Connection:") {
		t.Errorf("the head is %q", s.head)
	}
	if !strings.Contains(s.head, "\r\nContent-Type: text/event-stream; charset=utf-8\r\n") {
		t.Errorf("the head is %q", s.head)
	}
	var text []byte
	take := func(events int) {
		t.Helper()
		for bytes.Count(text, []byte("\nid: ")) < events || !bytes.HasSuffix(text, []byte("\n\n")) {
			piece := s.chunk()
			if text = append(text, piece...); fastPath && !bytes.HasSuffix(piece, []byte("\n\n")) {
				t.Fatalf("a chunk ends in the middle: %q", piece)
			}
		}
	}
	take(4) // hello and three posts
	if !bytes.HasPrefix(text, []byte(":\nretry: ")) {
		t.Errorf("it begins with %.60q", text)
	}
	for seq := range int64(3) {
		log.publish(1)
		h.Wake(blogA, seq+4)
		take(int(seq) + 5)
	}
	if events, _ := parse(t, text); len(events) != 7 || events[6].ID != "6" {
		t.Errorf("got %.500q", events)
	}
}

// On the fast path each frame is a chunk of its own, made once for all readers.
func TestChunk_OfAFrameIsShared(t *testing.T) {
	t.Parallel()
	frame, err := frameOf(liveblog.Event{Seq: 7, Type: liveblog.EventPost, Post: &liveblog.Post{Text: "text", Status: liveblog.PostPublished}})
	if err != nil {
		t.Fatal(err)
	}
	for _, compressed := range []bool{false, true} {
		bare, whole := frame.bytes(compressed, false), frame.bytes(compressed, true)
		if want := fmt.Sprintf("%x\r\n%s\r\n", len(bare), bare); string(whole) != want {
			t.Errorf("the chunk is %q, want %q", whole, want)
		}
		if at := len(whole) - 2 - len(bare); &whole[at] != &bare[0] {
			t.Error("the chunk is a copy")
		}
	}
}

// Behind one gzip header each piece can be read when its chunk ends.
func TestChunk_CompressedPiecesStandAlone(t *testing.T) {
	t.Parallel()
	h, log := startStory(t, 2)
	s := request(t, serveOn(t, h), "HTTP/1.1", "Accept-Encoding: gzip\r\n")
	if !strings.Contains(s.head, "\r\nContent-Encoding: gzip\r\n") {
		t.Fatalf("the head is %q", s.head)
	}
	var packed []byte
	take := func(events int) {
		t.Helper()
		for text := ""; strings.Count(text, "\nid: ") < events || !strings.HasSuffix(text, "\n\n"); {
			packed = append(packed, s.chunk()...)
			r, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			plain, _ := io.ReadAll(r) // ends in the middle, as the stream goes on
			text = string(plain)
		}
	}
	take(3)
	log.publish(1)
	h.Wake(blogA, 3)
	take(4)
}

// A client that can't read chunks gets none, and its stream ends with the connection.
func TestChunk_NotForHTTP10(t *testing.T) {
	t.Parallel()
	h, log := startStory(t, 2)
	s := request(t, serveOn(t, h), "HTTP/1.0", "")
	if strings.Contains(s.head, "Transfer-Encoding") || strings.Contains(s.head, "keep-alive") {
		t.Errorf("the head is %q", s.head)
	}
	log.end()
	h.Wake(blogA, 3)
	body, err := io.ReadAll(s.in)
	if err != nil || !bytes.HasPrefix(body, []byte(":\nretry: ")) {
		t.Fatalf("%.80q, %v", body, err)
	}
	events, _ := parse(t, body)
	if n := len(events); n != 5 || events[n-1].Name != nameEnd {
		t.Errorf("got %.300q", events)
	}
}

// A chunked response is terminated, whatever the stream ends with, and its connection
// is closed.
func TestChunk_TerminatesTheResponse(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"", "Accept-Encoding: gzip\r\n"} {
		for _, ending := range []string{nameEnd, nameBye} {
			h, log := startStory(t, 2)
			s := request(t, serveOn(t, h), "HTTP/1.1", coding)
			if ending == nameEnd {
				log.end()
				h.Wake(blogA, 3)
			} else {
				go h.Drain(t.Context())
			}
			var body []byte
			for piece := s.chunk(); len(piece) > 0; piece = s.chunk() {
				body = append(body, piece...)
			}
			s.ends()
			if coding != "" {
				r, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				body, _ = io.ReadAll(r) // what is compressed has no end of its own
			}
			if events, _ := parse(t, body); len(events) < 4 || events[len(events)-1].Name != ending {
				t.Errorf("%q %s: %.300q", coding, ending, events)
			}
		}
	}
}

// A client that asks to close the connection gets that header; so does a rejected one.
func TestChunk_AnnouncesTheConnectionsClose(t *testing.T) {
	t.Parallel()
	h, _ := startStory(t, 1)
	s := request(t, serveOn(t, h), "HTTP/1.1", "Connection: close\r\n")
	if !strings.Contains(s.head, "\r\nConnection: close\r\n") || !strings.Contains(s.head, "\r\nTransfer-Encoding: chunked\r\n") {
		t.Errorf("the head is %q", s.head)
	}
	full := startHub(t, newMemoryLog(), Limits{Streams: 1})
	address := serveOn(t, full)
	request(t, address, "HTTP/1.1", "").chunk()
	refused := request(t, address, "HTTP/1.1", "")
	if !strings.Contains(refused.head, "\r\nConnection: close\r\n") || !strings.Contains(refused.head, "\r\nContent-Length: ") {
		t.Errorf("the head is %q", refused.head)
	}
}

// A socket that takes a part of a chunk gets the rest of it later: what the reader
// has is whole, in order, and once, with and without compression.
func TestChunk_SocketThatIsFull(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"", "Accept-Encoding: gzip\r\n"} {
		log := newMemoryLog()
		h := startHub(t, log, roomy)
		s := request(t, serveOn(t, h), "HTTP/1.1", coding)
		noise := newNoise()
		const posts = 200
		for seq := range int64(posts) {
			log.append(liveblog.EventPost, uuid.New(), 1, noise.text(16<<10))
			h.Wake(blogA, seq+1)
		}
		log.end()
		h.Wake(blogA, posts+1)
		body := io.Reader(&pieces{stream: s})
		if coding != "" {
			r, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = r
		}
		text, err := io.ReadAll(body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		s.ends()
		var seen []string
		events, _ := parse(t, text)
		for _, e := range events {
			if e.Name == "post" || e.Name == "blog" {
				seen = append(seen, e.ID)
			}
		}
		var want []string
		for seq := range posts + 1 {
			want = append(want, strconv.Itoa(seq+1))
		}
		if !slices.Equal(seen, want) {
			t.Errorf("%q: %d events: %.200v", coding, len(seen), seen)
		}
	}
}

// pieces reads the content of chunks.
type pieces struct {
	stream *rawStream
	left   []byte
	over   bool
}

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (int, error) {
	for len(p.left) == 0 {
		if p.over {
			return 0, io.EOF
		}
		p.left = p.stream.chunk()
		p.over = len(p.left) == 0
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// noise makes text that can't be made small.
type noise struct{ random *rand.ChaCha8 }

func newNoise() noise { return noise{rand.NewChaCha8([32]byte{1})} }

func (n noise) text(size int) string {
	b := make([]byte, size/2)
	_, _ = n.random.Read(b) // it never fails
	return hex.EncodeToString(b)
}
