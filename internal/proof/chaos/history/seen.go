package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// maxLine bounds a line of a reader's log, in bytes.
const maxLine = 16 << 20

// Follow reads a reader's log: who it was, and then each line that it wrote, in
// order. A run has ten million of them, so the usual ones are decoded by hand;
// each may not keep the pointer.
func Follow(path string, begin func(Reader), each func(*Seen)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 256<<10), maxLine)
	if !lines.Scan() {
		return fmt.Errorf("%s: it does not say who read: %w", path, errors.Join(lines.Err(), errEmpty))
	}
	var who Reader
	if err := json.Unmarshal(lines.Bytes(), &who); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	begin(who)
	var seen Seen
	for n := 2; lines.Scan(); n++ {
		if err := seen.decode(lines.Bytes()); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		each(&seen)
	}
	return lines.Err()
}

var errEmpty = errors.New("the file is empty")

// decode reads one line. What the quick way does not know is left to encoding/json.
func (s *Seen) decode(line []byte) error {
	if *s = (Seen{}); s.quick(line) {
		return nil
	}
	*s = Seen{}
	return json.Unmarshal(line, s)
}

// quick decodes a flat object of one-letter keys, numbers and strings without
// escapes, and reports whether the line was one.
func (s *Seen) quick(line []byte) bool {
	for begin := byte('{'); ; begin = ',' {
		if len(line) < 5 || line[0] != begin || line[1] != '"' || line[3] != '"' || line[4] != ':' {
			return false
		}
		key := line[2]
		value, rest, ok := scalar(line[5:])
		if !ok || !s.set(key, value) {
			return false
		}
		if line = rest; string(line) == "}" {
			return true
		}
	}
}

// scalar splits a number, or a string with its opening quote, from what follows.
func scalar(line []byte) (value, rest []byte, ok bool) {
	if len(line) > 0 && line[0] == '"' {
		end := bytes.IndexByte(line[1:], '"') + 1
		if end == 0 || bytes.IndexByte(line[1:end], '\\') >= 0 {
			return nil, nil, false
		}
		return line[:end], line[end+1:], true
	}
	end := bytes.IndexAny(line, ",}")
	if end <= 0 {
		return nil, nil, false
	}
	return line[:end], line[end:], true
}

func (s *Seen) set(key byte, value []byte) bool {
	if value[0] == '"' {
		return s.setText(key, value[1:])
	}
	if key == 'h' || key == 'l' {
		return s.setSum(key, value)
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	switch key {
	case 't':
		s.At = n
	case 's':
		s.Seq = n
	case 'v':
		s.Version = n
	case 'n':
		s.Node = int(n)
	default:
		return false
	}
	return err == nil
}

func (s *Seen) setSum(key byte, value []byte) bool {
	n, err := strconv.ParseUint(string(value), 10, 64)
	if key == 'h' {
		s.Hash = n
	} else {
		s.Chain = n
	}
	return err == nil
}

func (s *Seen) setText(key byte, value []byte) bool {
	switch key {
	case 'k':
		s.Kind = kind(value)
	case 'e':
		s.Epoch = string(value)
	case 'p':
		s.Post = string(value)
	case 'x':
		s.Text = string(value)
	case 'w':
		s.Why = string(value)
	default:
		return false
	}
	return true
}

// kind is the constant for a kind, which costs no memory.
func kind(name []byte) string {
	switch string(name) {
	case Post:
		return Post
	case Update:
		return Update
	case Remove:
		return Remove
	case Ping:
		return Ping
	default:
		return string(name)
	}
}
