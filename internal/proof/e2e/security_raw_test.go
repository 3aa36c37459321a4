package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawClient writes requests byte for byte: no library makes them clean. It keeps
// its connection as long as the server does.
type rawClient struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func newRawClient(t *testing.T, url string) *rawClient {
	r := &rawClient{address: strings.TrimPrefix(url, "http://")}
	t.Cleanup(r.hangUp)
	return r
}

func (r *rawClient) hangUp() {
	if r.conn != nil {
		_ = r.conn.Close() // there is nothing to lose
		r.conn = nil
	}
}

// pipelined is how many requests are sent before the first answer is read.
const pipelined = 32

// all sends requests and hands over their answers, in order. Where the server
// closes after an answer, what was sent after it is sent again.
func (r *rawClient) all(requests []string, each func(i int, a answer)) error {
	for next := 0; next < len(requests); {
		answers := r.some(requests[next:min(next+pipelined, len(requests))])
		if len(answers) == 0 {
			a, err := r.one(requests[next])
			if err != nil {
				return fmt.Errorf("%.100q: %w", requests[next], err)
			}
			answers = append(answers, a)
		}
		for _, a := range answers {
			each(next, a)
			next++
		}
	}
	return nil
}

// some sends requests and returns the answers up to where the connection broke.
func (r *rawClient) some(requests []string) (answers []answer) {
	if r.write(strings.Join(requests, "")) != nil {
		r.hangUp()
		return nil
	}
	for _, text := range requests {
		if r.conn == nil {
			return answers
		}
		a, err := r.answer(text)
		if err != nil {
			r.hangUp()
			return answers
		}
		answers = append(answers, a)
	}
	return answers
}

// one sends a request and reads its answer, or the head of one without end.
func (r *rawClient) one(request string) (a answer, err error) {
	if err := r.write(request); err != nil {
		return a, err
	}
	return r.answer(request)
}

func (r *rawClient) write(text string) (err error) {
	if r.conn == nil {
		if r.conn, err = net.Dial("tcp", r.address); err != nil {
			return err
		}
		r.in = bufio.NewReader(r.conn)
	}
	if err := r.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	_, err = io.WriteString(r.conn, text)
	return err
}

func (r *rawClient) answer(request string) (a answer, err error) {
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(r.in, &http.Request{Method: method})
	if err != nil {
		return a, err
	}
	a = answer{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(res.Header.Get(typeField), "text/event-stream") {
		r.hangUp()
		return a, nil
	}
	a.body, err = io.ReadAll(res.Body)
	if res.Close {
		r.hangUp()
	}
	return a, errors.Join(err, res.Body.Close())
}

// request is the text of one; without a body there is no word of its length.
func request(method, target, header, body string) string {
	if body != "" {
		header += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return method + " " + target + " HTTP/1.1\r\nHost: dateline.example\r\n" + header + "\r\n" + body
}
