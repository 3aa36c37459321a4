package postgres

import (
	"context"
	"errors"
	"fmt"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MemberRole returns the role of a user on one blog; RoleNone if the user is no member.
func (db *AccountStore) MemberRole(ctx context.Context, blogID, userID uuid.UUID) (liveblog.Role, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var role liveblog.Role
	err := db.authPool.QueryRow(ctx, `SELECT role FROM members WHERE blog_id = $1 AND user_id = $2`, blogID, userID).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return liveblog.RoleNone, nil
	}
	return role, readErr(err, "role of user %s on blog %s", userID, blogID)
}

const selectMembers = `
	SELECT m.blog_id, m.role, u.id, u.email, u.name, u.role, u.disabled_at, u.created_at, u.updated_at
	FROM members m JOIN users u ON u.id = m.user_id
	WHERE m.blog_id = $1`

func scanMember(row pgx.CollectableRow) (m liveblog.Member, err error) {
	u := &m.User
	err = row.Scan(&m.BlogID, &m.Role, &u.ID, &u.Email, &u.Name, &u.Role, &u.DisabledAt, &u.CreatedAt, &u.UpdatedAt)
	return m, err
}

// Members lists the members of a blog in the order of their names.
func (db *AccountStore) Members(ctx context.Context, blogID uuid.UUID) ([]liveblog.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, selectMembers+` ORDER BY lower(u.name), u.id`, blogID)
	if err != nil {
		return nil, readErr(err, "members of blog %s", blogID)
	}
	members, err := pgx.CollectRows(rows, scanMember)
	return members, readErr(err, "members of blog %s", blogID)
}

// SetMember makes a user a member of a blog, or changes the role of a member. An
// unknown user is ErrNotFound.
func (db *AccountStore) SetMember(ctx context.Context, a liveblog.Actor, blogID, userID uuid.UUID, role liveblog.Role) (*liveblog.Member, error) {
	m, err := inTx(ctx, db.core, func(tx pgx.Tx) (liveblog.Member, error) { return setMember(ctx, tx, a, blogID, userID, role) })
	if err != nil {
		return nil, fmt.Errorf("set member %s of %s: %w", userID, blogID, err)
	}
	return &m, nil
}

func setMember(ctx context.Context, tx pgx.Tx, a liveblog.Actor, blogID, userID uuid.UUID, role liveblog.Role) (m liveblog.Member, err error) {
	tag, err := tx.Exec(ctx, `
		INSERT INTO members (blog_id, user_id, role)
		SELECT $1, id, $3 FROM users WHERE id = $2
		ON CONFLICT (blog_id, user_id) DO UPDATE SET role = excluded.role`, blogID, userID, role)
	if err != nil {
		return m, err
	}
	if tag.RowsAffected() == 0 {
		return m, liveblog.Errorf(liveblog.ErrNotFound, "user_not_found", "there is no such user")
	}
	if err := audit(ctx, tx, a, "member.set", memberObject(blogID, userID), map[string]any{"role": role}); err != nil {
		return m, err
	}
	rows, err := tx.Query(ctx, selectMembers+` AND m.user_id = $2`, blogID, userID)
	if err != nil {
		return m, err
	}
	return pgx.CollectExactlyOneRow(rows, scanMember)
}

// RemoveMember ends a membership. A user who is no member is ErrNotFound.
func (db *AccountStore) RemoveMember(ctx context.Context, a liveblog.Actor, blogID, userID uuid.UUID) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM members WHERE blog_id = $1 AND user_id = $2`, blogID, userID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return liveblog.Errorf(liveblog.ErrNotFound, "member_not_found", "this user is no member of the blog")
		}
		return audit(ctx, tx, a, "member.remove", memberObject(blogID, userID), nil)
	})
	if err != nil {
		return fmt.Errorf("remove member %s of %s: %w", userID, blogID, err)
	}
	return nil
}

func memberObject(blogID, userID uuid.UUID) string { return blogID.String() + "/" + userID.String() }
