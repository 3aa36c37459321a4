package access

import (
	"cmp"
	"context"
	"errors"

	"dateline/internal/auth"
	"dateline/internal/liveblog"

	"github.com/google/uuid"
)

// MediaStore finds images; those that do not exist are not in the result.
type MediaStore interface {
	Media(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*liveblog.Media, error)
}

// OneMedia finds one image, or ErrNotFound.
func OneMedia(ctx context.Context, store MediaStore, id uuid.UUID) (*liveblog.Media, error) {
	found, err := store.Media(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	m, ok := found[id]
	if !ok {
		return nil, errNoMedia(id)
	}
	return m, nil
}

func errNoMedia(id uuid.UUID) error {
	return liveblog.Errorf(liveblog.ErrNotFound, "media_not_found", "there is no image %s", id)
}

// authorizeMedia asks the policy about one image; general is what it says about images of no
// blog. An image that the principal may not see is not found. The bytes of images are not
// protected: readers get them by their ids.
func (w *Wall) authorizeMedia(ctx context.Context, action auth.Action, id string, general error) error {
	if general != nil && !errors.Is(general, liveblog.ErrForbidden) {
		return general
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return general // the operation refuses it
	}
	m, err := OneMedia(ctx, w.media, parsed)
	if err != nil {
		return cmp.Or(general, err)
	}
	p, member := liveblog.PrincipalOf(ctx), liveblog.RoleNone
	if p.User != nil && m.BlogID != nil {
		if member, err = w.blogs.store.MemberRole(ctx, *m.BlogID, p.User.ID); err != nil {
			return err
		}
	}
	if auth.Allow(p, action, m.BlogID, member) == nil && auth.AllowMedia(p, m, member) {
		return nil
	}
	return cmp.Or(general, errNoMedia(parsed))
}
