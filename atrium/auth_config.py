"""Authentication as the settings have it: keys, lifetimes, limits, and what is mailed."""

import os
from datetime import timedelta

from atrium.settings import Settings, SettingsError
from models import EmailTokenKind
from services import security
from services.authentication import AuthConfig
from services.email.messages import EmailTemplates, Mailer, NullMailer

__all__ = ["build_auth_config", "load_signing_keys"]


def build_auth_config(settings: Settings, keys: security.SigningKeys, mailer: Mailer | None = None) -> AuthConfig:
    """Build the authentication settings; without a mailer nothing is e-mailed."""
    verification_lifetime = timedelta(hours=settings.email_verification_hours)
    reset_lifetime = timedelta(minutes=settings.password_reset_minutes)
    return AuthConfig(
        passwords=security.Passwords(workers=settings.password_hash_workers or os.cpu_count() or 1),
        tokens=security.Tokens(
            keys,
            issuer=settings.issuer,
            audience=settings.audience,
            lifetime=timedelta(minutes=settings.access_token_minutes),
        ),
        pepper=keys.derive("door"),
        session_lifetime=timedelta(days=settings.refresh_token_days),
        invitation_lifetime=timedelta(days=settings.invitation_days),
        refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
        account_attempts=settings.login_attempts_per_account,
        address_attempts=settings.login_attempts_per_address,
        window=timedelta(minutes=settings.login_window_minutes),
        emails=EmailTemplates(
            mailer or NullMailer(),
            settings.mail_link_url,
            {
                EmailTokenKind.RESET: reset_lifetime,
                EmailTokenKind.VERIFY: verification_lifetime,
                EmailTokenKind.CHANGE: verification_lifetime,
            },
        ),
    )


def load_signing_keys(settings: Settings) -> security.SigningKeys:
    """Return the keys that access tokens are signed with: the ones given, or derived from the secret.

    Raises:
        SettingsError: there is none, or one is unreadable or easy to guess.
    """
    try:
        if settings.signing_keys:
            return security.SigningKeys.from_pems([key.get_secret_value() for key in settings.signing_keys])
        if settings.secret_key:
            return security.SigningKeys.from_secret(settings.secret_key.get_secret_value())
    except security.WeakKey as error:
        raise SettingsError(str(error)) from None
    raise SettingsError("Set ATRIUM_SECRET_KEY or ATRIUM_SIGNING_KEYS.")
