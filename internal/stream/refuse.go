package stream

import (
	"net/http"
	"time"
)

// reasonDraining tells a reader that the node is leaving.
const reasonDraining = "draining"

// bye is the data of the event that ends a stream before its blog is over. Poll
// is where the same events are to be had meanwhile, for a reader who was not let in.
type bye struct {
	Reason string `json:"reason"`
	Poll   string `json:"poll,omitempty"`
}

// refusal is all that a reader gets who can't be let in: when to come back, why
// not now, and where to ask meanwhile. It is a stream, short as it is: EventSource
// would give up for good on any other answer.
func refusal(comeBack time.Duration, reason, poll string) []byte {
	if reason == nameBye {
		reason = reasonDraining
	}
	return append(retryLine(milliseconds(comeBack)), jsonEvent(nameBye, noID, bye{Reason: reason, Poll: poll})...)
}

// WriteHead answers who asks for the head of a stream only.
func WriteHead(w http.ResponseWriter) { writeHead(w, plainFields) }
