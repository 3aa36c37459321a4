//go:build unix

package run

import (
	"math"
	"testing"
	"time"

	"dateline/internal/proof/chaos/history"
)

func TestSlope_IsOfTheLongestLifeUnderLoad(t *testing.T) {
	t.Parallel()
	samples := []history.Sample{{Node: 1, Life: 1, Phase: phaseBaseline, Goroutines: 9000}}
	for minute := range int64(60) {
		at := minute * int64(time.Minute)
		samples = append(samples,
			history.Sample{At: at, Node: 1, Life: 1, Phase: phaseLoad, Goroutines: 100 + minute},
			history.Sample{At: at, Node: 2, Life: 3, Phase: phaseLoad, Goroutines: 100})
	}
	samples = append(samples, history.Sample{Node: 1, Life: 2, Phase: phaseLoad, Goroutines: 1})
	got := slope(samples, func(s history.Sample) int64 { return s.Goroutines })
	if math.Abs(got-60) > 0.001 {
		t.Errorf("the slope is %f an hour, want 60", got)
	}
}
