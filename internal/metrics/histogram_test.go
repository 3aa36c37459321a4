package metrics

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestHistogram_CountsManyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHistogram("took_seconds", "How long it took.", .001, .01)
	h.observe(time.Millisecond, 3) // a bound belongs to its bucket
	h.observe(2*time.Millisecond, 4)
	h.observe(time.Second, 2)
	want := `# HELP took_seconds How long it took.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.001"} 3
took_seconds_bucket{le="0.01"} 7
took_seconds_bucket{le="+Inf"} 9
took_seconds_sum 2.011
took_seconds_count 9
`
	registry := prometheus.NewRegistry()
	registry.MustRegister(h)
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if got := rec.Body.String(); got != want {
		t.Error(got)
	}
}
