package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"dateline/internal/apiclient"
)

// usage is what the servers' processes hold at this moment. Connections for
// publishing that nobody needs now are not counted.
func (r *run) usage(ctx context.Context) (*Usage, error) {
	r.api.client.HTTP.CloseIdleConnections()
	memory, err := sumOver(r.pids, memoryOf)
	if err != nil {
		return nil, err
	}
	files, err := sumOver(r.pids, filesOf)
	if err != nil {
		return nil, err
	}
	goroutines, err := sumOfMetric(ctx, r.metrics, "go_goroutines")
	return &Usage{Memory: float64(memory) / (1 << 20), Files: files, Goroutines: goroutines}, err
}

// filesOf is how many files a process has open.
func filesOf(pid int) (int64, error) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	return int64(len(files)), nil
}

// scraper keeps no connections: they would be counted.
var scraper = &apiclient.Client{HTTP: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}

// sumOfMetric adds a metric over all its labels and the pages of all nodes.
func sumOfMetric(ctx context.Context, pages []string, name string) (sum int64, err error) {
	for _, page := range pages {
		n, err := metric(ctx, page, name)
		if err != nil {
			return 0, fmt.Errorf("--metrics %s: %w", page, err)
		}
		sum += n
	}
	return sum, nil
}

func metric(ctx context.Context, page, name string) (int64, error) {
	a, err := scraper.Send(ctx, apiclient.Request{Method: http.MethodGet, Path: page})
	if err != nil {
		return 0, err
	}
	if a.Status != http.StatusOK {
		return 0, fmt.Errorf("the answer is %d", a.Status)
	}
	return metricIn(bytes.NewReader(a.Body), name)
}

// metricIn finds a metric in Prometheus' text, and adds it over its labels.
func metricIn(page io.Reader, name string) (int64, error) {
	var sum float64
	found := false
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if label := strings.IndexByte(key, '{'); label >= 0 {
			key = key[:label]
		}
		if key != name {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %q", name, value)
		}
		sum, found = sum+n, true
	}
	if !found && lines.Err() == nil {
		return 0, fmt.Errorf("there is no %s", name)
	}
	return int64(sum), lines.Err()
}
