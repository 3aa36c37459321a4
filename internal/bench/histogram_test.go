package bench

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

func TestHistogram_QuantilesAreNear(t *testing.T) {
	t.Parallel()
	var h Histogram
	for n := int64(1); n <= 1_000_000; n++ {
		h.Add(n * 1000)
	}
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 1} {
		want := q * 1e9
		if got := float64(h.Quantile(q)); math.Abs(got-want) > want*0.02 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestHistogram_BucketsHoldTheirValues(t *testing.T) {
	t.Parallel()
	for range 100_000 {
		ns := rand.Int64N(1 << (1 + rand.IntN(40)))
		b := bucketOf(ns)
		if ns > upper(b) || b > 0 && ns <= upper(b-1) {
			t.Fatalf("%d ns is in bucket %d, which ends at %d", ns, b, upper(b))
		}
	}
}

func TestHistogram_TravelsAndMerges(t *testing.T) {
	t.Parallel()
	var a, b, sum Histogram
	a.Add(5)
	a.Add(1e6)
	b.Add(7e9)
	for _, h := range []*Histogram{&a, &b, {}} {
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var copied Histogram
		if err := json.Unmarshal(text, &copied); err != nil {
			t.Fatal(err)
		}
		sum.Merge(&copied)
	}
	if sum.total != 3 || sum.max != 7e9 || sum.Quantile(0.3) != 5 {
		t.Errorf("%d values up to %d, the first %v", sum.total, sum.max, sum.Quantile(0.3))
	}
}
