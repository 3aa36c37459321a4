package postgres

import (
	"context"
	"fmt"
	"time"

	"dateline/internal/liveblog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const userColumns = `id, email, name, password_hash, role, disabled_at, created_at, updated_at`

func scanUser(row pgx.CollectableRow) (u liveblog.User, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.PasswordHash, &u.Role, &u.DisabledAt, &u.CreatedAt, &u.UpdatedAt)
	return u, err
}

// UserByEmail returns the user, disabled or not, with an address in its normal form
// (liveblog.NormalEmail), or ErrNotFound.
func (db *AccountStore) UserByEmail(ctx context.Context, email string) (*liveblog.User, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE email = $1`, email)
	return oneUser(rows, err)
}

// User returns the user with an id, disabled or not, or ErrNotFound.
func (db *AccountStore) User(ctx context.Context, id uuid.UUID) (*liveblog.User, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
	return oneUser(rows, err)
}

// oneUser scans the only user of a query, or ErrNotFound.
func oneUser(rows pgx.Rows, err error) (*liveblog.User, error) {
	if err != nil {
		return nil, readErr(err, "user")
	}
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	return &u, readErr(err, "user")
}

// Users lists all users in the order of their names.
func (db *AccountStore) Users(ctx context.Context) ([]liveblog.User, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := db.readPool.Query(ctx, `SELECT `+userColumns+` FROM users ORDER BY lower(name), id`)
	if err != nil {
		return nil, readErr(err, "users")
	}
	users, err := pgx.CollectRows(rows, scanUser)
	return users, readErr(err, "users")
}

// CreateUser stores a user and fills in its id and times. An address that is taken is
// ErrConflict.
func (db *AccountStore) CreateUser(ctx context.Context, a liveblog.Actor, u *liveblog.User) error {
	err := db.tx(ctx, func(tx pgx.Tx) error { return createUser(ctx, tx, a, u) })
	if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	return nil
}

// CreateUserOnce is CreateUser with an idempotency key. replayed reports that the key was
// used before: then created is the user as that request created it, but with the hash
// of the present password.
func (db *AccountStore) CreateUserOnce(ctx context.Context, a liveblog.Actor, key liveblog.IdempotencyKey, u *liveblog.User) (created *liveblog.User, replayed bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		var result liveblog.User
		result, replayed, err = once(ctx, tx, a, key, func() (liveblog.User, error) {
			err := createUser(ctx, tx, a, u)
			result := *u
			result.PasswordHash = "" // the result is stored with the key; the hash belongs in its row only
			return result, err
		})
		if created = &result; err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT password_hash FROM users WHERE id = $1`, result.ID).Scan(&created.PasswordHash)
	})
	if err != nil {
		return nil, false, fmt.Errorf("create user: %w", err)
	}
	return created, replayed, nil
}

func createUser(ctx context.Context, tx pgx.Tx, a liveblog.Actor, u *liveblog.User) error {
	u.Normalize()
	if err := u.Validate(); err != nil {
		return err
	}
	u.ID = uuid.New()
	err := tx.QueryRow(ctx, `
		INSERT INTO users (id, email, name, password_hash, role)
		VALUES ($1, $2, $3, $4, $5)
		RETURNING created_at, updated_at`,
		u.ID, u.Email, u.Name, u.PasswordHash, u.Role).Scan(&u.CreatedAt, &u.UpdatedAt)
	if violates(err, "users_email_key") {
		return liveblog.Errorf(liveblog.ErrConflict, "email_taken", "there is a user with this e-mail address already")
	}
	if err != nil {
		return err
	}
	return audit(ctx, tx, a, "user.create", u.ID.String(), map[string]any{"email": u.Email, "role": u.Role})
}

// UpdateUser applies a change and returns the user. Disabling a user ends all sessions in
// the same transaction. A change that would leave no enabled admin is ErrConflict.
func (db *AccountStore) UpdateUser(ctx context.Context, a liveblog.Actor, id uuid.UUID, change liveblog.UserChange) (*liveblog.User, error) {
	u, err := inTx(ctx, db.core, func(tx pgx.Tx) (*liveblog.User, error) { return updateUser(ctx, tx, a, id, change) })
	if err != nil {
		return nil, fmt.Errorf("update user %s: %w", id, err)
	}
	return u, nil
}

func updateUser(ctx context.Context, tx pgx.Tx, a liveblog.Actor, id uuid.UUID, change liveblog.UserChange) (*liveblog.User, error) {
	if err := lockAdmins(ctx, tx); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1 FOR UPDATE`, id)
	u, err := oneUser(rows, err)
	if err != nil {
		return nil, err
	}
	change.Apply(u, time.Now())
	if err := u.Validate(); err != nil {
		return nil, err
	}
	if err := storeUser(ctx, tx, u); err != nil {
		return nil, err
	}
	return u, audit(ctx, tx, a, "user.update", id.String(), change)
}

func storeUser(ctx context.Context, tx pgx.Tx, u *liveblog.User) error {
	err := tx.QueryRow(ctx, `
		UPDATE users SET name = $2, role = $3, disabled_at = $4, updated_at = now()
		WHERE id = $1
		RETURNING updated_at`, u.ID, u.Name, u.Role, u.DisabledAt).Scan(&u.UpdatedAt)
	if err != nil {
		return err
	}
	if u.DisabledAt != nil {
		if err := revokeSessions(ctx, tx, u.ID); err != nil {
			return err
		}
	}
	return keepAdmin(ctx, tx)
}

// lockAdmins serialises changes of users, so that two admins who demote each other
// concurrently do not both succeed.
func lockAdmins(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL
		ORDER BY id FOR UPDATE`)
	return err
}

// keepAdmin returns ErrConflict if no enabled admin is left.
func keepAdmin(ctx context.Context, tx pgx.Tx) error {
	var left bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL)`).Scan(&left)
	if err != nil || left {
		return err
	}
	return liveblog.Errorf(liveblog.ErrConflict, "last_admin", "this is the last admin; make another one first")
}

// SetPassword stores the hash of a new password and ends all sessions of the user.
func (db *AccountStore) SetPassword(ctx context.Context, a liveblog.Actor, user uuid.UUID, hash string) error {
	err := db.tx(ctx, func(tx pgx.Tx) error { return setPassword(ctx, tx, a, user, hash) })
	if err != nil {
		return fmt.Errorf("set password of %s: %w", user, err)
	}
	return nil
}

func setPassword(ctx context.Context, tx pgx.Tx, a liveblog.Actor, user uuid.UUID, hash string) error {
	tag, err := tx.Exec(ctx, `UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1`, user, hash)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return liveblog.ErrNotFound
	}
	if err := revokeSessions(ctx, tx, user); err != nil {
		return err
	}
	return audit(ctx, tx, a, "user.password", user.String(), nil)
}

// UpgradePasswordHash replaces a hash by another one of the same password. It does
// nothing if the password has changed meanwhile.
func (db *AccountStore) UpgradePasswordHash(ctx context.Context, a liveblog.Actor, user uuid.UUID, old, hash string) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, user, old, hash)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit(ctx, tx, a, "user.rehash", user.String(), nil)
	})
}
