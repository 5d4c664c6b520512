"""Django's settings, flat. What a person may change comes from `governance.env`; the rest is decided here."""

from django.utils.csp import CSP

from governance.env import ROOT, env
from governance.services.addresses import broker_url, database_settings

ENV = env()

SECRET_KEY = ENV.secret_key.get_secret_value() if ENV.secret_key else ENV.secret("django")
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)

# The executor holds the signing key, so its process loads the ground floor alone.
FLOORS = ["governance"] if ENV.breakwater_role == "executor" else ["governance", "forecasting", "proposals"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "django_htmx",
    "pgtrigger",
    *FLOORS,
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                *(f"{floor}.views.page_context" for floor in FLOORS if floor != "proposals"),
            ],
            "builtins": ["django.templatetags.static", "governance.templatetags.breakwater"],
        },
    }
]

DATABASES = {"default": database_settings()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [
    ROOT / "governance" / "static",
    ("vendor/echarts", ROOT / "node_modules" / "echarts" / "dist"),
    ("vendor/pico", ROOT / "node_modules" / "@picocss" / "pico" / "css"),
]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
WHITENOISE_USE_FINDERS = True  # served from where they lie: nothing is collected

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

PROMOTION_POLICY = "proposals.policy.models_need_sign_off"  # asked by a floor that must not know the one above it
METRIC_SOURCES = [f"{floor}.metrics.families" for floor in FLOORS if floor != "proposals"]

CELERY_BROKER_URL = broker_url()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {floor: {"level": ENV.log_level} for floor in FLOORS},
}
