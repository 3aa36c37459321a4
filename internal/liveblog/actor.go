package liveblog

import "context"

// Actor is the principal that makes a change, and the request by which: the audit log
// records both.
type Actor struct {
	Principal *Principal
	RequestID string
	Address   string // of the client
}

// Key names the principal; without one, it is "system".
func (a Actor) Key() string {
	if a.Principal == nil {
		return "system"
	}
	return a.Principal.Key()
}

type actorKey struct{}

// WithActor notes who makes the request that ctx belongs to.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns who makes the request that ctx belongs to. Its principal is never nil; outside
// of a request, and before a client is known, it is anonymous.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	if a.Principal == nil {
		a.Principal = &Principal{}
	}
	return a
}

// PrincipalOf returns the principal of the request that ctx belongs to; it is never nil.
func PrincipalOf(ctx context.Context) *Principal { return ActorOf(ctx).Principal }
