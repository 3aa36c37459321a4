package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server plays the server's side of the cases: each has the path /<its index>/<any
// client's name>, and each such path its own conversation.
type Server struct {
	Cases []Case

	mu       sync.Mutex
	requests map[string][]Request
}

// Request is what a client asked.
type Request struct {
	At     time.Time
	Method string
	Header http.Header
}

// Requests are all requests for a path so far.
func (s *Server) Requests(path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests[path]...)
}

// Bytewise is the name of a client that gets each byte of a short body by itself.
const Bytewise = "bytewise"

// Path is where a client finds the case of an index.
func Path(index int, client string) string { return fmt.Sprintf("/%d/%s", index, client) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var index int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d/", &index); err != nil || index < 0 || index >= len(s.Cases) {
		http.NotFound(w, r)
		return
	}
	turn := s.note(r)
	answer := Gone
	if answers := s.Cases[index].Answers; turn < len(answers) {
		answer = answers[turn]
	}
	s.answer(w, r, answer)
}

// note keeps a request and returns its turn, from 0.
func (s *Server) note(r *http.Request) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests == nil {
		s.requests = map[string][]Request{}
	}
	before := s.requests[r.URL.Path]
	s.requests[r.URL.Path] = append(before, Request{time.Now(), r.Method, r.Header.Clone()})
	return len(before)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, a Answer) {
	// A kept connection that breaks would be tried again below the event source.
	w.Header().Set("Connection", "close")
	if a.Status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header()["Content-Type"] = nil
	if a.Type != "" {
		w.Header().Set("Content-Type", a.Type)
	}
	if a.Here {
		w.Header().Set("Location", r.URL.Path)
	}
	w.WriteHeader(a.Status)
	size := len(a.Body)
	if strings.HasSuffix(r.URL.Path, Bytewise) && size < 1000 {
		size = 1
	}
	write(w, a.Body, size)
	if a.Break {
		panic(http.ErrAbortHandler)
	}
}

// write sends a body in pieces of a size.
func write(w http.ResponseWriter, body string, size int) {
	control := http.NewResponseController(w)
	for ; body != ""; body = body[min(size, len(body)):] {
		_, _ = io.WriteString(w, body[:min(size, len(body))]) // the client may be gone
		_ = control.Flush()
	}
}
