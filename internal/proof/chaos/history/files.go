package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// The files of a run's directory. Readers have a file each, ReadersDir/*.jsonl,
// whose first line is a Reader; the others are one file for all clients. What the
// nodes themselves wrote, to standard output and error, is in NodesDir/*.log.
const (
	RunFile         = "run.json"
	DatabaseFile    = "database.json"
	WritesFile      = "writes.jsonl"
	FaultsFile      = "faults.jsonl"
	BeaconsFile     = "beacons.jsonl"
	CredentialsFile = "credentials.jsonl"
	ProbesFile      = "probes.jsonl"
	SamplesFile     = "samples.jsonl"
	ReadersDir      = "readers"
	NodesDir        = "nodes"
)

// Log is an open file of lines. It may be used by many goroutines.
type Log struct {
	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
	enc  *json.Encoder
	err  error // the first failure; told by Close
}

// NewLog makes a file of lines; its directory is made when missing.
func NewLog(path string) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(f, 32<<10)
	return &Log{file: f, buf: buf, enc: json.NewEncoder(buf)}, nil
}

// Add appends a line. Close reports a failure: a run whose log is incomplete
// proves nothing.
func (l *Log) Add(line any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enc.Encode(line); err != nil && l.err == nil {
		l.err = err
	}
}

// Close writes what is buffered and tells of any failure so far.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.buf.Flush(), l.file.Close())
}

// Save writes one document to a file.
func Save(path string, doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// Load reads one document from a file.
func Load[T any](path string) (doc T, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return doc, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// Lines reads the lines of a file as values of one kind. A failure is the last
// thing it yields.
func Lines[T any](path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		f, err := os.Open(path)
		if err != nil {
			yield(none, err)
			return
		}
		defer f.Close()
		for dec := json.NewDecoder(bufio.NewReaderSize(f, 256<<10)); ; {
			var line T
			err := dec.Decode(&line)
			if errors.Is(err, io.EOF) || !yield(line, err) || err != nil {
				return
			}
		}
	}
}
