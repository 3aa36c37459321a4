package bench

// Result is what one scenario showed of one server.
type Result struct {
	Scenario string `json:"scenario"` // idle, steady, siege, burst, storm or churn
	Server   string `json:"server"`   // floor or server
	Readers  int    `json:"readers"`
	Messages int    `json:"messages"`
	Tally

	Seconds      float64 `json:"seconds"`               // from the first post sent to the last delivery
	PerSecond    float64 `json:"deliveries_per_second"` // in that time
	PostsASecond float64 `json:"posts_per_second"`      // that the publisher reached

	Latency *Quantiles `json:"delivery,omitempty"`      // from the post sent to a reader, over all deliveries
	Last    *Quantiles `json:"last_reader,omitempty"`   // from the post sent to the last reader, over messages
	First   *Quantiles `json:"first_reader,omitempty"`  // from the post sent to the first reader, over messages
	Commit  *Quantiles `json:"commit,omitempty"`        // from the post sent to the API's answer
	Over    *Quantiles `json:"over_commit,omitempty"`   // from the answer to the first reader; 0 where the reader was first
	Nodes   *Quantiles `json:"between_nodes,omitempty"` // from the first reader of the first node to the first of the last one to hear
	Whole   *Quantiles `json:"whole,omitempty"`         // from the storm's break to having all events
	Queue   int64      `json:"accept_queue_overflows"`  // of this machine, meanwhile
	PerOne  float64    `json:"cpu_us_per_delivery"`     // CPU time of the servers' processes, in microseconds
	CPU     float64    `json:"cpu_cores"`               // that the servers' processes kept busy
	Client  float64    `json:"client_cores"`            // that the readers kept busy
	Memory  float64    `json:"memory_kb_per_stream"`    // RSS with all streams less RSS before, in 1,024 bytes
	RSS     float64    `json:"memory_mb"`               // RSS of the servers' processes, in 1,024 x 1,024 bytes

	Statements *int64 `json:"sql_statements,omitempty"` // that the nodes sent to PostgreSQL in the storm
	Before     *Usage `json:"before,omitempty"`         // what the servers held before the readers came
	After      *Usage `json:"after,omitempty"`          // and after they had gone
}

// Usage is what the servers' processes hold.
type Usage struct {
	Memory     float64 `json:"memory_mb"` // RSS, in 1,024 x 1,024 bytes
	Files      int64   `json:"open_files"`
	Goroutines int64   `json:"goroutines,omitempty"` // where the metrics are known
}

// Report is a whole run.
type Report struct {
	Version string   `json:"version"`
	Time    string   `json:"time"`
	Host    Host     `json:"host"`
	Nodes   []string `json:"nodes"`
	Payload int      `json:"payload_bytes"`
	Frame   int      `json:"frame_bytes"` // of one post on the wire
	Results []Result `json:"results"`
}

// Host is where a run took place.
type Host struct {
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Load   string `json:"load"` // averages at the start, as in /proc/loadavg
}

// Sound is whether no reader of the server missed anything, got it twice or out
// of order, or was closed.
func (r *Report) Sound() bool {
	for _, one := range r.Results {
		if one.Server != nameFloor && (!one.Sound() || one.Closed > 0) {
			return false
		}
	}
	return true
}

const (
	nameFloor  = "floor"
	nameServer = "server"
)

// answer is one published message: when it was sent and when the server said
// that it is committed, in ns of the monotonic clock.
type answer struct{ sent, answered int64 }

// sum adds up what the workers report.
type sum struct {
	tally          Tally
	latency, whole Histogram
	messages       [][]message // by node
	cpu            int64
}

func sumOf(notices []notice, nodes int) *sum {
	s := &sum{messages: make([][]message, nodes)}
	for _, n := range notices {
		s.cpu += n.CPU
		s.tally.add(n.Tally)
		if n.Latency == nil {
			continue
		}
		s.latency.Merge(n.Latency)
		s.whole.Merge(n.Whole)
		s.mergeMessages(n.Messages)
	}
	return s
}

func (s *sum) mergeMessages(all []message) {
	each := len(all) / len(s.messages)
	for node := range s.messages {
		if s.messages[node] == nil {
			s.messages[node] = make([]message, each)
		}
		for i := range s.messages[node] {
			s.messages[node][i].merge(all[node*each+i])
		}
	}
}

// over is the messages as all nodes' readers together got them.
func (s *sum) over() []message {
	all := make([]message, len(s.messages[0]))
	for _, ofNode := range s.messages {
		for i := range ofNode {
			all[i].merge(ofNode[i])
		}
	}
	return all
}

// describe writes the times of s into r.
func (s *sum) describe(r *Result, answers []answer) {
	r.Tally = s.tally
	r.Latency, r.Whole = s.latency.Quantiles(), s.whole.Quantiles()
	answered := map[int64]int64{}
	var first, last, commit, over, nodes Histogram
	for _, a := range answers {
		answered[a.sent] = a.answered
		commit.Add(a.answered - a.sent)
	}
	for i, m := range s.over() {
		if m.Count == 0 || m.Stamp == 0 {
			continue
		}
		first.Add(m.First - m.Stamp)
		last.Add(m.Last - m.Stamp)
		if at, known := answered[m.Stamp]; known {
			over.Add(max(0, m.First-at))
		}
		if n := len(s.messages); n > 1 {
			nodes.Add(s.latest(i) - s.messages[0][i].First)
		}
	}
	r.First, r.Last, r.Commit, r.Over, r.Nodes = first.Quantiles(), last.Quantiles(), commit.Quantiles(), over.Quantiles(), nodes.Quantiles()
}

// latest is when the last of the nodes sent a message to its first reader.
func (s *sum) latest(message int) (at int64) {
	for _, ofNode := range s.messages {
		at = max(at, ofNode[message].First)
	}
	return at
}

// span is the time from the first message sent to the last delivery, in ns.
func (s *sum) span() int64 {
	var begin, end int64
	for _, m := range s.over() {
		if m.Count == 0 {
			continue
		}
		if begin == 0 || m.Stamp > 0 && m.Stamp < begin {
			begin = m.Stamp
		}
		end = max(end, m.Last)
	}
	return end - begin
}
