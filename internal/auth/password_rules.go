package auth

import (
	_ "embed"
	"fmt"
	"strings"

	"dateline/internal/liveblog"
)

// Rules of a new password besides its length.
const (
	minDistinct  = 5 // different characters
	minLocalPart = 4 // shorter local parts of an address occur in too many words
)

//go:embed common_passwords.txt
var commonPasswords string

var common = lines(commonPasswords)

// CheckNewPassword is ErrInvalid if a password may not be chosen for the account of email.
// location is the field of the error, such as "body.password".
func CheckNewPassword(password, email, location string) error {
	message := weakness(password, email)
	if message == "" {
		return nil
	}
	return &liveblog.Problem{
		Err: liveblog.ErrInvalid, Code: "weak_password", Detail: "choose another password",
		Fields: []liveblog.FieldError{{Location: location, Message: message}},
	}
}

// weakness says which rule a password breaks; "" is none.
func weakness(password, email string) string {
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(liveblog.NormalEmail(email), "@")
	switch {
	case len(password) < liveblog.MinPassword || len(password) > liveblog.MaxPassword:
		return fmt.Sprintf("must have %d to %d bytes", liveblog.MinPassword, liveblog.MaxPassword)
	case common[lower] || distinct(lower) < minDistinct:
		return "is too easy to guess"
	case len(local) >= minLocalPart && strings.Contains(lower, local):
		return "must not contain the e-mail address"
	}
	return ""
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

func lines(s string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(s) {
		set[strings.TrimSpace(line)] = true
	}
	delete(set, "")
	return set
}
