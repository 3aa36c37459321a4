package check

import (
	"net/http"

	"dateline/internal/proof/chaos/history"
)

// judgeCounts judges counts that a reader was told: on one connection they never fall.
func (r *reader) judgeCounts(s *history.Seen) {
	if r.counts == nil {
		r.counts = map[string]int64{}
	}
	for id, n := range s.Counts {
		r.views.compare("counts told")
		if n < r.counts[id] && !r.faults.fallenViews(s.At) {
			r.views.violation("%s: views of post %s fell from %d to %d", r.at(s), id, r.counts[id], n)
		}
		r.counts[id] = n
	}
}

// viewed sums up the beacons of one post.
type viewed struct{ possible, certain int64 }

// judgeViews compares the views in the end with the beacons that were answered.
// Those without an answer may count; those shortly before a fault that allows it
// may be lost.
func (j *judge) judgeViews() error {
	posts := map[string]*viewed{}
	err := eachLine(j, history.BeaconsFile, func(b *history.Beacon) {
		j.views.count("beacons", 1)
		possible, certain := j.weigh(b)
		for _, id := range b.Posts {
			v := posts[id]
			if v == nil {
				v = &viewed{}
				posts[id] = v
			}
			v.possible += possible
			v.certain += certain
		}
	})
	for id, v := range posts {
		if p := j.truth.posts[id]; p != nil {
			j.judgeViewsOf(p, v)
		}
	}
	return err
}

// weigh says how much a beacon may add to each of its posts, and how much it must.
// What the balancer, node 0, says of an answer it never got (RFC 9110, sections
// 15.6.3 and 15.6.5) is no answer.
func (j *judge) weigh(b *history.Beacon) (possible, certain int64) {
	switch {
	case b.Node == 0 && (b.Status == http.StatusBadGateway || b.Status == http.StatusGatewayTimeout):
		return 1, 0
	case b.Status != 0 && (b.Status < 200 || b.Status > 299):
		return 0, 0
	case b.Status == 0:
		return 1, 0
	case j.faults.fewerViews(b.Node, b.At) || b.At > j.run.Ended-flushing:
		j.views.count("beacons that may be lost", 1)
		return 1, 0
	default:
		return 1, 1
	}
}

// judgeViewsOf leaves out how much is missing of a removed post: views that were
// flushed after the removal count for nobody.
func (j *judge) judgeViewsOf(p *post, v *viewed) {
	j.views.compare("posts")
	if p.Views > v.possible {
		j.views.violation("post %s has %d views of %d beacons", p.ID, p.Views, v.possible)
	}
	if p.Views < v.certain && p.Status != "removed" {
		j.views.violation("post %s has %d views, %d beacons were acknowledged that nothing may lose", p.ID, p.Views, v.certain)
	}
}
