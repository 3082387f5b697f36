"""The mistakes that operators make in a configuration, each with the whole report that it gets.

The site has the plugin ``parks`` of :mod:`tests.mistakes.test_configuration`; a file that has no
table of it gets one at its end. ``environ`` lacks the prefix of its names. ``SITE`` stands for the
folder of the site.
"""

# Each line of a report is on one line here, as it is printed.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is written where, and each line of the report."""

    report: tuple[str, ...]
    toml: str | bytes = ""
    dotenv: str | bytes = ""
    environ: dict[str, str] = field(default_factory=dict)


MISTAKES: dict[str, Mistake] = {
    "unknown": Mistake(
        toml="databse_url='x'",
        report=(
            "changemaker.toml:1: databse_url is not a known key. Did you mean 'database_url'?",
        ),
    ),
    "unknown dash": Mistake(
        toml="base-url='https://act.example.org'",
        report=("changemaker.toml:1: base-url is not a known key. Did you mean 'base_url'?",),
    ),
    "unknown case": Mistake(
        toml="Base_URL='https://act.example.org'",
        report=("changemaker.toml:1: Base_URL is not a known key. Did you mean 'base_url'?",),
    ),
    "unknown american": Mistake(
        toml="organization='x'",
        report=(
            "changemaker.toml:1: organization is not a known key. Did you mean 'organisation'?",
        ),
    ),
    "key under plugin table": Mistake(
        toml="[parks]\nfeed='x'\nbase_url='http://a'",
        report=(
            "changemaker.toml:3: parks.base_url is not a known key. base_url is a key of the site: move it above the first line with [ ].",
        ),
    ),
    "unknown plugin key": Mistake(
        toml="[parks]\nfeed='x'\nbenchs=1",
        report=("changemaker.toml:3: parks.benchs is not a known key. Did you mean 'benches'?",),
    ),
    "plugins unknown": Mistake(
        toml="[plugins]\nalow=[]",
        report=("changemaker.toml:2: plugins.alow is not a known key. Did you mean 'allow'?",),
    ),
    "jobs unknown": Mistake(
        toml="[jobs]\nconcurency={default=3}",
        report=(
            "changemaker.toml:2: jobs.concurency is not a known key. Did you mean 'concurrency'?",
        ),
    ),
    "allow at top": Mistake(
        toml="allow=['parks']",
        report=(
            "changemaker.toml:1: allow is not a key here: it belongs below the line [plugins].",
        ),
    ),
    "type bool": Mistake(
        toml="development='maybe'",
        report=("changemaker.toml:1: development must be true or false. It is text.",),
    ),
    "type bool int": Mistake(
        toml="development=1",
        report=("changemaker.toml:1: development must be true or false. It is a whole number.",),
    ),
    "type int str": Mistake(
        toml="max_body_bytes='5 MB'",
        report=("changemaker.toml:1: max_body_bytes must be a whole number. It is text.",),
    ),
    "type int float": Mistake(
        toml="max_body_bytes=1.5",
        report=("changemaker.toml:1: max_body_bytes must be a whole number. It is a number.",),
    ),
    "type list str": Mistake(
        toml="trusted_proxies='10.0.0.0/8'",
        report=(
            'changemaker.toml:1: trusted_proxies must be a list of text, such as ["one", "two"]. It is text.',
        ),
    ),
    "type list of int": Mistake(
        toml="trusted_proxies=[1]",
        report=(
            'changemaker.toml:1: trusted_proxies must be a list of text, such as ["one", "two"]. The value at [0] is a whole number.',
        ),
    ),
    "type str int": Mistake(
        toml="organisation=7",
        report=("changemaker.toml:1: organisation must be text. It is a whole number.",),
    ),
    "type table": Mistake(
        toml="[base_url]\nhost='x'",
        report=("changemaker.toml:2: base_url must be text. It is a table.",),
    ),
    "date": Mistake(
        toml="organisation=2024-01-01",
        report=("changemaker.toml:1: organisation must be text. It is a date.",),
    ),
    "array of tables": Mistake(
        toml="[[parks]]\nfeed='x'",
        report=(
            "changemaker.toml:1: parks is not a list of tables: write [parks] with single brackets.",
            "changemaker.toml: parks.feed is missing. Set it to text, here or by the variable CHANGEMAKER_PARKS__FEED.",
        ),
    ),
    "array of tables plugins": Mistake(
        toml="[[plugins]]\nallow=['x']",
        report=(
            "changemaker.toml:1: plugins is a table: write [plugins] on a line of its own, with allow and deny below it.",
        ),
    ),
    "nested table": Mistake(
        toml="[parks]\nfeed='x'\n[parks.benches]\na=1",
        report=(
            "changemaker.toml:3: parks.benches must be a whole number from 0 to 100. It is a table.",
        ),
    ),
    "plugins value": Mistake(
        toml="plugins=['parks']\n",
        report=(
            "changemaker.toml:1: plugins is a table: write [plugins] on a line of its own, with allow and deny below it.",
        ),
    ),
    "empty toml value": Mistake(
        toml="organisation=\n", report=("changemaker.toml:1: line has no value after =.",)
    ),
    "unquoted": Mistake(
        toml="base_url=https://act.example.org\n",
        report=(
            'changemaker.toml:1: line has a text without quotation marks: write "…" around it.',
        ),
    ),
    "colon": Mistake(
        toml="base_url: 'https://act.example.org'\n",
        report=("changemaker.toml:1: line has a : after the key: write = instead.",),
    ),
    "unclosed string": Mistake(
        toml="organisation='Parks\nhome_page='/a'\n",
        report=("changemaker.toml:1: line has a text whose closing quotation mark is missing.",),
    ),
    "unclosed multi": Mistake(
        toml="organisation='''Parks\nhome_page='/a'\n",
        report=("changemaker.toml:1: line opens a text that is not closed: ''' is missing.",),
    ),
    "unclosed list": Mistake(
        toml="trusted_proxies=['10.0.0.0/8'\nhome_page='/a'\n",
        report=(
            "changemaker.toml:1: line opens a list that is not closed: a ] or a comma is missing.",
        ),
    ),
    "smart quotes": Mistake(
        toml="organisation=“Parks”\n",
        report=("changemaker.toml:1: line has typographic quotation marks: write \" or '.",),
    ),
    "true capital": Mistake(
        toml="development=True\n",
        report=("changemaker.toml:1: line must have true or false in small letters.",),
    ),
    "windows path": Mistake(
        toml='database_url="sqlite:///C:\\Users\\x.db"\n',
        report=(
            "changemaker.toml:1: line has a \\ between \" and \": write '…' around the text instead.",
        ),
    ),
    "merge conflict": Mistake(
        toml="<<<<<<< HEAD\norganisation='a'\n=======\norganisation='b'\n>>>>>>> other\n",
        report=(
            "changemaker.toml:1: line is left over from a merge: keep one of the versions, and remove the line.",
            "changemaker.toml:3: line is left over from a merge: keep one of the versions, and remove the line.",
            "changemaker.toml:4: organisation is set twice, first in line 2. Remove one of the two.",
            "changemaker.toml:5: line is left over from a merge: keep one of the versions, and remove the line.",
        ),
    ),
    "duplicate": Mistake(
        toml="home_page='/a'\nhome_page='/b'",
        report=(
            "changemaker.toml:2: home_page is set twice, first in line 1. Remove one of the two.",
        ),
    ),
    "nul": Mistake(
        toml=b"organisation='a\x00b'\n[parks]\nfeed='x'\n",
        report=(
            "changemaker.toml:1: line has a control character in it, such as U+0000: remove it.",
        ),
    ),
    "bom": Mistake(
        toml="\ufefforganisation=3",
        report=("changemaker.toml:1: organisation must be text. It is a whole number.",),
    ),
    "utf16": Mistake(
        toml=b"\xff\xfeo\x00r\x00g\x00a\x00n\x00i\x00s\x00a\x00t\x00i\x00o\x00n\x00=\x00'\x00x\x00'\x00",
        report=(
            "changemaker.toml: file cannot be read: line 1 is not UTF-8; save the file with that encoding.",
        ),
    ),
    "latin1": Mistake(
        toml=b"organisation='\xe9'\n",
        report=(
            "changemaker.toml: file cannot be read: line 1 is not UTF-8; save the file with that encoding.",
        ),
    ),
    "binary": Mistake(
        toml=b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff",
        report=(
            "changemaker.toml: file cannot be read: line 2 is not UTF-8; save the file with that encoding.",
        ),
    ),
    "crlf env": Mistake(
        dotenv="CHANGEMAKER_MAX_BODY_BYTES=x\r\nCHANGEMAKER_HOME_PAGE=y\r\n",
        report=(
            ".env:1 (CHANGEMAKER_MAX_BODY_BYTES): max_body_bytes must be a whole number. It is text.",
            ".env:2 (CHANGEMAKER_HOME_PAGE): home_page must be a path of this site, beginning with /.",
        ),
    ),
    "env no eq": Mistake(
        dotenv="CHANGEMAKER_X\n",
        report=(
            ".env:1: line must be NAME=value, with a name of letters, digits and underscores.",
        ),
    ),
    "env unclosed quote": Mistake(
        dotenv="CHANGEMAKER_HOME_PAGE='/a\n",
        report=(
            ".env:1 (CHANGEMAKER_HOME_PAGE): line has a quotation mark without its other one. A value in quotes ends with the same mark, on the same line, has none of it inside, and nothing but a # comment comes after it.",
        ),
    ),
    "env multi line": Mistake(
        dotenv='CHANGEMAKER_ORGANISATION="a\nb"\n',
        report=(
            ".env:1 (CHANGEMAKER_ORGANISATION): line has a quotation mark without its other one. A value in quotes ends with the same mark, on the same line, has none of it inside, and nothing but a # comment comes after it.",
            ".env:2: line must be NAME=value, with a name of letters, digits and underscores.",
        ),
    ),
    "env export only": Mistake(
        dotenv="export CHANGEMAKER_HOME_PAGE\n",
        report=(
            ".env:1: line must be NAME=value, with a name of letters, digits and underscores.",
        ),
    ),
    "env space name": Mistake(
        dotenv="CHANGEMAKER HOME_PAGE=/a\n",
        report=(
            ".env:1: line must be NAME=value, with a name of letters, digits and underscores.",
        ),
    ),
    "env lower": Mistake(
        dotenv="changemaker_home_page=/a\n",
        report=(
            ".env:1 (changemaker_home_page): name is not one of Changemaker's: write CHANGEMAKER_HOME_PAGE.",
        ),
    ),
    "env dup": Mistake(
        dotenv="CHANGEMAKER_HOME_PAGE=/a\nCHANGEMAKER_HOME_PAGE=/b\n",
        report=(
            ".env:2 (CHANGEMAKER_HOME_PAGE): home_page is set twice, first in line 1. Remove one of the two.",
        ),
    ),
    "env dash": Mistake(
        dotenv="CHANGEMAKER_HOME-PAGE=/a\n",
        report=(
            ".env:1: line must be NAME=value, with a name of letters, digits and underscores.",
        ),
    ),
    "env subst": Mistake(
        dotenv="CHANGEMAKER_BASE_URL=https://$HOST\n",
        report=(
            ".env:1 (CHANGEMAKER_BASE_URL): base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "env trailing after quote": Mistake(
        dotenv="CHANGEMAKER_HOME_PAGE='/a' x\n",
        report=(
            ".env:1 (CHANGEMAKER_HOME_PAGE): line has a quotation mark without its other one. A value in quotes ends with the same mark, on the same line, has none of it inside, and nothing but a # comment comes after it.",
        ),
    ),
    "env nul": Mistake(
        dotenv=b"CHANGEMAKER_ORGANISATION=a\x00b\n",
        report=(".env:1 (CHANGEMAKER_ORGANISATION): organisation must be a name, on one line.",),
    ),
    "env single underscore": Mistake(
        dotenv="CHANGEMAKER_PARKS_BENCHES=4\n",
        report=(
            ".env:1 (CHANGEMAKER_PARKS_BENCHES): parks_benches is not a known key. One of a plugin has two underscores after the plugin's name.",
        ),
    ),
    "env unknown plugin": Mistake(
        environ={"PARKS__BENCHS": "1"},
        report=(
            "CHANGEMAKER_PARKS__BENCHS: parks.benchs is not a known key. Did you mean 'benches'?",
        ),
    ),
    "env int": Mistake(
        environ={"PARKS__BENCHES": "many"},
        report=(
            "CHANGEMAKER_PARKS__BENCHES: parks.benches must be a whole number from 0 to 100. It is text.",
        ),
    ),
    "env range": Mistake(
        environ={"PARKS__BENCHES": "500"},
        report=("CHANGEMAKER_PARKS__BENCHES: parks.benches must be a whole number from 0 to 100.",),
    ),
    "env quotes": Mistake(
        environ={"ORGANISATION": "'Parks'", "BASE_URL": '"https://act.example.org"'},
        report=(
            "CHANGEMAKER_BASE_URL: base_url has quotation marks around its value, which are a part of it: remove them.",
            "CHANGEMAKER_ORGANISATION: organisation has quotation marks around its value, which are a part of it: remove them.",
        ),
    ),
    "env spaces": Mistake(
        environ={"BASE_URL": " https://act.example.org ", "MAX_BODY_BYTES": " 10 "},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment. It begins or ends with a space: remove it.",
        ),
    ),
    "env bool": Mistake(
        environ={"DEVELOPMENT": "ja"},
        report=("CHANGEMAKER_DEVELOPMENT: development must be true or false. It is text.",),
    ),
    "env json": Mistake(
        environ={"TRUSTED_PROXIES": '["10.0.0.0/8"', "CONTENT_ORIGINS": '{"a":1}'},
        report=(
            "CHANGEMAKER_CONTENT_ORIGINS: content_origins must be values separated by commas, or a list written as JSON. It is a table.",
            "CHANGEMAKER_TRUSTED_PROXIES: trusted_proxies must be values separated by commas, or a list written as JSON. (Invalid JSON: Input data was truncated)",
        ),
    ),
    "choices": Mistake(
        toml="[parks]\nfeed='x'\nkind='desert'",
        report=("changemaker.toml:3: parks.kind must be one of city, nature.",),
    ),
    "missing": Mistake(
        toml="[parks]\nbenches=4",
        report=(
            "changemaker.toml: parks.feed is missing. Set it to text, here or by the variable CHANGEMAKER_PARKS__FEED.",
        ),
    ),
    "combined post init": Mistake(
        toml="[parks]\nfeed='x'\nkind='nature'\nopen_at_night=true\nbenches=500",
        report=(
            "changemaker.toml:4: parks.open_at_night must be false for kind = nature.",
            "changemaker.toml:5: parks.benches must be a whole number from 0 to 100.",
        ),
    ),
    "no secret": Mistake(
        environ={"SECRET_KEY": ""},
        report=(
            "changemaker.toml: secret_key is missing. Set it to text, here or by the variable CHANGEMAKER_SECRET_KEY. Generate one: `python -c 'import secrets; print(secrets.token_urlsafe(48))'`",
        ),
    ),
    "short secret": Mistake(
        environ={"SECRET_KEY": "hunter2"},
        report=(
            "CHANGEMAKER_SECRET_KEY: secret_key must be at least 32 bytes long. Generate one: `python -c 'import secrets; print(secrets.token_urlsafe(48))'`",
        ),
    ),
    "prev secret": Mistake(
        environ={"PREVIOUS_SECRET_KEYS": "hunter2"},
        report=(
            "CHANGEMAKER_PREVIOUS_SECRET_KEYS: previous_secret_keys must be at least 32 bytes long. Generate one: `python -c 'import secrets; print(secrets.token_urlsafe(48))'`",
        ),
    ),
    "mysql a b": Mistake(
        environ={"DATABASE_URL": "mysql://a/b"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name.",
        ),
    ),
    "sqlite memory": Mistake(
        environ={"DATABASE_URL": "sqlite:///:memory:"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must name a file: in-memory databases are not supported.",
        ),
    ),
    "postgresql host port x": Mistake(
        environ={"DATABASE_URL": "postgresql://host:port/x"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name.",
        ),
    ),
    "postgresql user hunter 2": Mistake(
        environ={"DATABASE_URL": "postgresql://user:hunter#2@db/x"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name. A password with special characters must be percent-encoded: # is %23, / is %2F, : is %3A, ? is %3F, @ is %40, % is %25.",
        ),
    ),
    "sqlite nofolder x db": Mistake(
        environ={"DATABASE_URL": "sqlite:///nofolder/x.db"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url names a file in SITE/nofolder, a folder that does not exist: create it first.",
        ),
    ),
    "postgresql psycopg2 h x": Mistake(
        environ={"DATABASE_URL": "postgresql+psycopg2://h/x"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name.",
        ),
    ),
    "postgresql h x f": Mistake(
        environ={"DATABASE_URL": "postgresql://h/x#f"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name.",
        ),
    ),
    "https act example org x": Mistake(
        environ={"BASE_URL": "https://act.example.org?x"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https act example org 0": Mistake(
        environ={"BASE_URL": "https://act.example.org:0"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https act example org 999": Mistake(
        environ={"BASE_URL": "https://act.example.org:99999"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https u p a org": Mistake(
        environ={"BASE_URL": "https://u:p@a.org"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https a b org": Mistake(
        environ={"BASE_URL": "https://a b.org"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https a org": Mistake(
        environ={"BASE_URL": "https://-a.org"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https act example org x y": Mistake(
        environ={"BASE_URL": "https://act.example.org/x y"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "https act example org ht": Mistake(
        environ={"BASE_URL": "https://act.example.org, https://b.org"},
        report=(
            "CHANGEMAKER_BASE_URL: base_url must be http://host or https://host, without query and fragment.",
        ),
    ),
    "mail a org": Mistake(
        environ={"SMTP_URL": "mail.a.org"},
        report=(
            "CHANGEMAKER_SMTP_URL: smtp_url must be smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://….",
        ),
    ),
    "smtp": Mistake(
        environ={"SMTP_URL": "smtp://"},
        report=(
            "CHANGEMAKER_SMTP_URL: smtp_url must be smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://….",
        ),
    ),
    "smtp a 99999": Mistake(
        environ={"SMTP_URL": "smtp://a:99999"},
        report=(
            "CHANGEMAKER_SMTP_URL: smtp_url must be smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://….",
        ),
    ),
    "smtp h starttls x": Mistake(
        environ={"SMTP_URL": "smtp://h?starttls=x"},
        report=(
            "CHANGEMAKER_SMTP_URL: smtp_url must be smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://….",
        ),
    ),
    "smtp p h": Mistake(
        environ={"SMTP_URL": "smtp://:p@h"},
        report=(
            "CHANGEMAKER_SMTP_URL: smtp_url must be smtp://[user:password@]host:port[?starttls=required|offered|never] or smtps://….",
        ),
    ),
    "redis pg": Mistake(
        environ={"REDIS_URL": "redis://h:99999", "DATABASE_URL": "postgresql://h/x"},
        report=(
            "CHANGEMAKER_REDIS_URL: redis_url must be redis://[user:password@]host:port/0, rediss://…, unix:///path/to/socket?db=0 or sentinel://[user:password@]host:port,host:port/service/0.",
        ),
    ),
    "read urls": Mistake(
        environ={"READ_URLS": "postgresql://h/x"},
        report=(
            "CHANGEMAKER_READ_URLS: read_urls needs PostgreSQL: these are its read replicas. Set database_url to postgresql://…, or remove read_urls.",
        ),
    ),
    "mail from": Mistake(
        environ={
            "MAIL_FROM": "nobody",
            "TIME_ZONE": "MST7",
            "DEFAULT_LOCALE": "fr_CA",
            "REGION": "Canada",
        },
        report=(
            "CHANGEMAKER_DEFAULT_LOCALE: default_locale must be the code of a language, such as en or fr.",
            "CHANGEMAKER_MAIL_FROM: mail_from must be an email address, or Name <address>.",
            "CHANGEMAKER_REGION: region must be a country code, such as CA.",
            "CHANGEMAKER_TIME_ZONE: time_zone must be a time zone, such as UTC or America/Edmonton. Did you mean 'MST'?",
        ),
    ),
    "tz": Mistake(
        environ={"TIME_ZONE": "america/edmonton"},
        report=(
            "CHANGEMAKER_TIME_ZONE: time_zone must be a time zone, such as UTC or America/Edmonton. Did you mean 'America/Edmonton'?",
        ),
    ),
    "tz2": Mistake(
        environ={"TIME_ZONE": "UTC+2"},
        report=(
            "CHANGEMAKER_TIME_ZONE: time_zone must be a time zone, such as UTC or America/Edmonton. Did you mean 'UTC'?",
        ),
    ),
    "loc": Mistake(
        environ={"DEFAULT_LOCALE": "FR"},
        report=(
            "CHANGEMAKER_DEFAULT_LOCALE: default_locale must be the code of a language, such as en or fr.",
        ),
    ),
    "reg": Mistake(
        environ={"REGION": "ca"},
        report=("CHANGEMAKER_REGION: region must be a country code, such as CA.",),
    ),
    "cidr": Mistake(
        environ={"TRUSTED_PROXIES": "10.0.0.1/8"},
        report=(
            "CHANGEMAKER_TRUSTED_PROXIES: trusted_proxies must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8. You may mean 10.0.0.0/8, or the address 10.0.0.1 alone.",
        ),
    ),
    "cidr2": Mistake(
        environ={"TRUSTED_PROXIES": "localhost"},
        report=(
            "CHANGEMAKER_TRUSTED_PROXIES: trusted_proxies must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8.",
        ),
    ),
    "cidr3": Mistake(
        environ={"TRUSTED_PROXIES": "10.0.0.0/33"},
        report=(
            "CHANGEMAKER_TRUSTED_PROXIES: trusted_proxies must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8.",
        ),
    ),
    "cidr5": Mistake(
        environ={"TRUSTED_PROXIES": "127.0.0.1:80"},
        report=(
            "CHANGEMAKER_TRUSTED_PROXIES: trusted_proxies must be addresses or networks, such as 127.0.0.1 or 10.0.0.0/8.",
        ),
    ),
    "home": Mistake(
        environ={"HOME_PAGE": "campaigns"},
        report=("CHANGEMAKER_HOME_PAGE: home_page must be a path of this site, beginning with /.",),
    ),
    "home2": Mistake(
        environ={"HOME_PAGE": "/"},
        report=(
            "CHANGEMAKER_HOME_PAGE: home_page must be another path than /, which leads to the home page itself.",
        ),
    ),
    "home3": Mistake(
        environ={"HOME_PAGE": "https://act.example.org"},
        report=("CHANGEMAKER_HOME_PAGE: home_page must be a path of this site, beginning with /.",),
    ),
    "cors": Mistake(
        environ={"CORS_ORIGINS": "*"},
        report=(
            "CHANGEMAKER_CORS_ORIGINS: cors_origins must be whole origins as browsers send them, such as https://www.example.org: no path, no *, no null.",
        ),
    ),
    "cors slash": Mistake(
        environ={"CORS_ORIGINS": "https://act.example.org/"},
        report=(
            "CHANGEMAKER_CORS_ORIGINS: cors_origins must be whole origins as browsers send them, such as https://www.example.org: no path, no *, no null. You may mean https://act.example.org.",
        ),
    ),
    "creds": Mistake(
        environ={"CORS_CREDENTIALS": "https://act.example.org"},
        report=(
            "CHANGEMAKER_CORS_CREDENTIALS: cors_credentials must be among cors_origins, which lacks https://act.example.org.",
        ),
    ),
    "static": Mistake(
        environ={"STATIC_URL": "cdn.a.org"},
        report=(
            "CHANGEMAKER_STATIC_URL: static_url must be https://host, without query and fragment.",
        ),
    ),
    "content": Mistake(
        environ={"CONTENT_ORIGINS": "cdn.a.org"},
        report=(
            "CHANGEMAKER_CONTENT_ORIGINS: content_origins must be origins without a path, such as https://files.example.org.",
        ),
    ),
    "zero": Mistake(
        environ={
            "MAX_BODY_BYTES": "0",
            "API_RATE_LIMIT": "-1",
            "JOBS_NICENESS": "20",
            "DRAIN_SECONDS": "0",
            "CACHE_BYTES": "-5",
        },
        report=(
            "CHANGEMAKER_API_RATE_LIMIT: api_rate_limit must be between 1 and 2147483647.",
            "CHANGEMAKER_CACHE_BYTES: cache_bytes must be between 0 and 1125899906842624.",
            "CHANGEMAKER_DRAIN_SECONDS: drain_seconds must be between 1 and 2147483647.",
            "CHANGEMAKER_JOBS_NICENESS: jobs_niceness must be between 0 and 19.",
            "CHANGEMAKER_MAX_BODY_BYTES: max_body_bytes must be between 1 and 1125899906842624.",
        ),
    ),
    "big": Mistake(
        environ={"MAX_CONNECTIONS": "999999999999999999999999"},
        report=("CHANGEMAKER_MAX_CONNECTIONS: max_connections must be between 1 and 2147483647.",),
    ),
    "under": Mistake(
        environ={"MAX_BODY_BYTES": "1_000_000"},
        report=("CHANGEMAKER_MAX_BODY_BYTES: max_body_bytes must be a whole number. It is text.",),
    ),
    "dev public": Mistake(
        toml="development=true\nbase_url='https://act.a.org'",
        report=(
            "changemaker.toml:1: development must be false beside a public base_url (https://act.a.org): it shows visitors the mailbox and the details of errors.",
        ),
    ),
    "dev env": Mistake(
        toml="development=true",
        environ={"BASE_URL": "https://act.a.org"},
        report=(
            "changemaker.toml:1: development must be false beside a public base_url (https://act.a.org): it shows visitors the mailbox and the details of errors.",
        ),
    ),
    "both": Mistake(
        toml="[plugins]\nallow=['parks']\ndeny=['parks']",
        report=(
            "changemaker.toml:3: plugins.deny names parks, which plugins.allow names too. Choose one.",
        ),
    ),
    "accounts": Mistake(
        toml="[accounts]\nregistration='opened'\nregistration_domains=['@a.org']\nsession_days=0",
        report=(
            "changemaker.toml:2: accounts.registration must be one of closed, open. Did you mean 'open'?",
            "changemaker.toml:3: accounts.registration_domains must be domains such as example.org; '@a.org' is none.",
            "changemaker.toml:4: accounts.session_days must be a number greater than 0 and of at most 366.",
        ),
    ),
    "jobs conc": Mistake(
        toml="[jobs]\nconcurrency={default=0}",
        report=(
            "changemaker.toml:2: jobs.concurrency must be 1 or more for each queue: default would never run.",
        ),
    ),
    "jobs conc2": Mistake(
        toml="[jobs]\nconcurrency=4",
        report=("changemaker.toml:2: jobs.concurrency must be a table. It is a whole number.",),
    ),
    "jobs conc3": Mistake(
        environ={"JOBS_CONCURRENCY": "default=4"},
        report=(
            'CHANGEMAKER_JOBS_CONCURRENCY: jobs_concurrency must be a table, written as JSON: {"name": …}. It is a list.',
        ),
    ),
    "jobs conc nested": Mistake(
        toml="[jobs.concurrency]\ndefault='4'",
        report=("changemaker.toml:1: jobs.concurrency must be a table. A value in it is text.",),
    ),
    "prefix": Mistake(
        environ={"PLUGINS__DENY": "parks,,x y"},
        report=(
            "CHANGEMAKER_PLUGINS__DENY: plugins.deny must be names of plugins, such as petitions.",
        ),
    ),
    "control": Mistake(
        environ={"ORGANISATION": "a\nb"},
        report=("CHANGEMAKER_ORGANISATION: organisation must be a name, on one line.",),
    ),
    "site dir key": Mistake(
        toml="site_dir='/x'", report=("changemaker.toml:1: site_dir is not a known key.",)
    ),
    "postgresql with a fragment": Mistake(
        environ={"DATABASE_URL": "postgresql://db/site#main"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url must be sqlite:///file.db or postgresql://user:password@host:port/name.",
        ),
    ),
    "a database in a missing folder": Mistake(
        environ={"DATABASE_URL": "sqlite:///nowhere/site.db"},
        report=(
            "CHANGEMAKER_DATABASE_URL: database_url names a file in SITE/nowhere, a folder that does not exist: create it first.",
        ),
    ),
    "a database that is a folder": Mistake(
        environ={"DATABASE_URL": "sqlite:///."},
        report=("CHANGEMAKER_DATABASE_URL: database_url must name a file: SITE is a folder.",),
    ),
    "allowed and denied": Mistake(
        toml="[plugins]\nallow=['parks']\ndeny=['parks']\n[parks]\nfeed='x'",
        report=(
            "changemaker.toml:3: plugins.deny names parks, which plugins.allow names too. Choose one.",
        ),
    ),
    "core and plugin in the order of the files": Mistake(
        toml="[parks]\nfeed='x'\nbenches=-1\n[accounts]\nsession_days=0\n[jobs]\nconcurrency={default=0}\n",
        dotenv="CHANGEMAKER_PARKS__KIND=desert\nCHANGEMAKER_TIME_ZONE=x\n",
        environ={"MAIL_FROM": "x", "ACCOUNTS__MAGIC_LINKS": "perhaps"},
        report=(
            "changemaker.toml:3: parks.benches must be a whole number from 0 to 100.",
            "changemaker.toml:5: accounts.session_days must be a number greater than 0 and of at most 366.",
            "changemaker.toml:7: jobs.concurrency must be 1 or more for each queue: default would never run.",
            ".env:1 (CHANGEMAKER_PARKS__KIND): parks.kind must be one of city, nature.",
            ".env:2 (CHANGEMAKER_TIME_ZONE): time_zone must be a time zone, such as UTC or America/Edmonton.",
            "CHANGEMAKER_MAIL_FROM: mail_from must be an email address, or Name <address>.",
            "CHANGEMAKER_ACCOUNTS__MAGIC_LINKS: accounts.magic_links must be true or false. It is text.",
        ),
    ),
    "what only a hook can check, beside others": Mistake(
        toml='[privacy.retention_days]\n"core.saved_mai" = 3\n"core.settings" = 9\n"parcs.visits" = 1\n',
        environ={"MAIL_FROM": "Parks <parks@example.org", "REGION": "x"},
        report=(
            "changemaker.toml:1: privacy.retention_days names 'core.saved_mai', which is no kind of personal data. Did you mean 'core.saved_mail'?",
            "changemaker.toml:1: privacy.retention_days names 'core.settings', which has no period that can be set.",
            "CHANGEMAKER_MAIL_FROM: mail_from must be an email address, or Name <address>.",
            "CHANGEMAKER_REGION: region must be a country code, such as CA.",
        ),
    ),
    "wrong line hides no missing key": Mistake(
        toml="organisation = Parks\n[parks]\nbenches='x'",
        environ={"SECRET_KEY": ""},
        report=(
            'changemaker.toml:1: line has a text without quotation marks: write "…" around it.',
            "changemaker.toml:3: parks.benches must be a whole number from 0 to 100. It is text.",
        ),
    ),
}
