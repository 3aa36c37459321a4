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
	answer.bytewise = strings.HasSuffix(r.URL.Path, Bytewise) && len(answer.Body) < 1000
	answer.ServeHTTP(w, r)
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

// ServeHTTP gives the answer.
func (a Answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
		w.Header().Set("Location", r.URL.RequestURI())
	}
	w.WriteHeader(a.Status)
	a.write(w)
	if a.Break {
		panic(http.ErrAbortHandler)
	}
}

func (a Answer) write(w http.ResponseWriter) {
	size := len(a.Body)
	if a.bytewise {
		size = 1
	}
	for rest := a.Body; rest != ""; rest = rest[size:] {
		_, _ = io.WriteString(w, rest[:size]) // the client may be gone
		_ = http.NewResponseController(w).Flush()
	}
}
