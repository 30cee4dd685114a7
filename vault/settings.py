"""Django's settings, out of the environment. Every variable is explained in ``.env.example``.

Secure by default: without any variable this is the production profile, HTTPS only.
"""

import sys

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF

from documents.conf import from_environment
from documents.conf.reading import count, flag, text
from documents.errors import ConfigurationError
from vault import environment, logs
from vault.envfile import BASE_DIR, load_env_file

load_env_file()
env = environ.FileAwareEnv()

try:
    VAULT = from_environment(env, BASE_DIR)
    SECRET_KEY = environment.secret_key(env)
    SECRET_KEY_FALLBACKS = environment.older_secret_keys(env)
    DATA_DIR = BASE_DIR / (text(env, "VAULT_DATA_DIR") or "var")
    DEBUG = flag(env, "DEBUG")
    HTTPS = flag(env, "VAULT_HTTPS", default=True)
    HSTS_SUBDOMAINS = flag(env, "VAULT_HSTS_SUBDOMAINS", default=True)
    HSTS_PRELOAD = flag(env, "VAULT_HSTS_PRELOAD", default=True)
    BEHIND_PROXY = flag(env, "VAULT_BEHIND_PROXY")
    ALLOWED_HOSTS = environment.listed(env, "ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
    CSRF_TRUSTED_ORIGINS = environment.listed(env, "CSRF_TRUSTED_ORIGINS")
    DATABASES = {"default": environment.database(env, "DATABASE_URL", f"sqlite:///{DATA_DIR / 'vault.sqlite3'}")}
    DATABASE_CONNECTIONS = count(env, "VAULT_DATABASE_CONNECTIONS", 20)
    CACHES = {"default": environment.cache(env, "CACHE_URL", "locmemcache://")}
    EMAIL = environment.mail(env, "EMAIL_URL", "dummymail://")
    DEFAULT_FROM_EMAIL = text(env, "DEFAULT_FROM_EMAIL") or "vault@localhost"
    CELERY_BROKER_URL = environment.broker(env, "CELERY_BROKER_URL", "filesystem://")
    LOG_LEVEL = environment.log_level(env)
    LOG_JSON = flag(env, "LOG_JSON", default=True)
except ConfigurationError as error:
    # One line and a non-zero exit for every process that loads the settings: web, worker, command.
    sys.exit(f"document-vault: {error}")

# --- Applications and the way a request takes --------------------------------------------------------------------

INSTALLED_APPS = [
    "documents.apps.DocumentsConfig",
    "migrations_tools.apps.MigrationsToolsConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_structlog",
]

MIDDLEWARE = [
    "documents.web.health.HealthMiddleware",
    "documents.web.admission.AdmissionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "documents.web.middleware.RequestLogMiddleware",
    "csp.middleware.CSPMiddleware",
    "documents.api.middleware.ApiProblemsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "documents.web.middleware.StaffSecondFactorMiddleware",
    "documents.web.middleware.ErrorPagesMiddleware",
]

ROOT_URLCONF = "vault.urls"
WSGI_APPLICATION = "vault.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database, cache, mail ----------------------------------------------------------------------------------------

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE takes the write lock at BEGIN, so that two writers wait instead of failing in the middle.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # There are more threads than a server has connections (100, PostgreSQL's default): they share a few, each for as
    # long as it needs one, and whoever gets none within the time is told that the database does not answer.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 0,
        "max_size": DATABASE_CONNECTIONS,
        "timeout": 20,
    }

if CACHES["default"]["BACKEND"].endswith("LocMemCache"):
    # Django's 300 are too few: what counts attempts to sign in would be thrown out by a flood of them.
    CACHES["default"].setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 100_000)

vars().update(EMAIL)
MAIL_IS_SENT = EMAIL["EMAIL_BACKEND"] not in environment.SILENT_MAIL

# --- Objects: where sealed documents live -------------------------------------------------------------------------

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "unused"},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STORAGES |= VAULT.storages_aliases()

# --- Uploads: sealed while they arrive ----------------------------------------------------------------------------

# No handler that spools to disk or memory: a form that takes documents installs the sealing handler itself, and
# every other form has no business with files.
FILE_UPLOAD_HANDLERS: list[str] = ["documents.http.uploadhandler.RefusingUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# --- Tasks --------------------------------------------------------------------------------------------------------

if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(DATA_DIR / "broker" / "queue"),
        "data_folder_out": str(DATA_DIR / "broker" / "queue"),
        "control_folder": str(DATA_DIR / "broker" / "control"),
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
# A wake-up that nobody took before the next one is due is not done twice: a worker that was away is not flooded.
EACH_MINUTE, EACH_HOUR = {"expires": 55}, {"expires": 3500}
CELERY_BEAT_SCHEDULE = {
    "sweep-uploads": {"task": "documents.tasks.sweep_uploads", "schedule": 60.0, "options": EACH_MINUTE},
    # It walks the whole store.
    "sweep-unfinished": {"task": "documents.tasks.sweep_unfinished", "schedule": 3600.0, "options": EACH_HOUR},
    "sweep-removals": {"task": "documents.tasks.sweep_removals", "schedule": 60.0, "options": EACH_MINUTE},
    "collect-garbage": {
        "task": "documents.tasks.collect_garbage",
        "schedule": VAULT.collection.interval.total_seconds(),
        "options": {"expires": VAULT.collection.interval.total_seconds() * 0.9},
    },
    "sweep-payloads": {"task": "documents.tasks.sweep_payloads", "schedule": 600.0, "options": {"expires": 580}},
    "sweep-upkeep": {"task": "documents.upkeep.tasks.sweep_runs", "schedule": 60.0, "options": EACH_MINUTE},
    "scrub": {"task": "documents.upkeep.tasks.scrub", "schedule": 3600.0, "options": EACH_HOUR},
    "sweep-runs": {"task": "migrations_tools.tasks.sweep_runs", "schedule": 60.0, "options": EACH_MINUTE},
    "clear-sessions": {
        "task": "documents.tasks.clear_sessions",
        "schedule": crontab(hour="3", minute="17"),
        "options": EACH_HOUR,
    },
}

# --- People: sign-in, second factor, sessions ---------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "documents:list"
ACCOUNT_ADAPTER = "documents.web.accounts.VaultAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_PREVENT_ENUMERATION = True
# These stand in for allauth's own of the same name; its limits for resets, password changes and mail addresses stay in
# force. Counted in the cache: with more than one web process set CACHE_URL to a shared one, or each counts for itself.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "signup": "20/m/ip"}
MFA_ADAPTER = "documents.web.accounts.VaultMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Accounts are made by operators, often where no mail is sent: an address that nobody verified bars no second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Document Vault"
# The keys themselves are in the browsers alone.
SESSION_ENGINE = "vault.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "documents.web.errors.csrf_failure"

# --- Browser: what a page may do ----------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
if HTTPS:
    SECURE_HSTS_SECONDS = 365 * 86400
    SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS_SUBDOMAINS
    SECURE_HSTS_PRELOAD = HSTS_PRELOAD
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- Static files, language, time ---------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "vault.formats"

# --- Logs ---------------------------------------------------------------------------------------------------------

LOGGING = logs.logging_config(level=LOG_LEVEL, as_json=LOG_JSON)
logs.configure()
