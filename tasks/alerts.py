"""Alerts: a message to a webhook (Slack and the like) or by mail when a flow run fails.

Prefect calls `alert` where the run was. It knows nothing of the flows, and no alert that cannot be
sent changes how the run ended: that is logged.

    PLM_ALERT_WEBHOOK  URL that takes {"text": ...} as JSON, as Slack's incoming webhooks do
    PLM_ALERT_MAIL     smtp://host:port?from=ADDRESS&to=ADDRESS, with user:password@ also a log-in;
                       smtps:// for TLS throughout, else STARTTLS where offered
"""

import os
import smtplib
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_logger

from proxylm.errors import UsageError

SECONDS = 10.0
"""How long a server of alerts is waited for."""
_SHOWN = 1000  # characters of the reason


def alert(flow: Any, flow_run: FlowRun, state: "State[Any]") -> None:
    """Tell PLM_ALERT_WEBHOOK and PLM_ALERT_MAIL, as far as they are set, how a run ended."""
    subject = f"proxylm-ops: {flow.name} {state.name.lower() if state.name else 'ended'}"
    text = f"{subject} ({flow_run.name}): {(state.message or 'no reason given')[:_SHOWN]}"
    for name, send in (("PLM_ALERT_WEBHOOK", post), ("PLM_ALERT_MAIL", mail)):
        if url := os.environ.get(name):
            try:
                send(url, subject, text)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException) as error:
                # The address is left out: a webhook's is its password.
                get_logger("alerts").warning(f"{name}: not sent: {type(error).__name__}")
            except UsageError as error:
                get_logger("alerts").warning(f"{name}: not sent: {error}")


def post(url: str, subject: str, text: str) -> None:
    """Send the text to a webhook. Raises httpx.HTTPError when it is not taken."""
    httpx.post(url, json={"text": text}, timeout=SECONDS).raise_for_status()


def mail(url: str, subject: str, text: str) -> None:
    """Send the text by mail. Raises UsageError for an address that lacks sender or recipient."""
    server = urlsplit(url)
    given = parse_qs(server.query)
    if server.scheme not in ("smtp", "smtps") or not server.hostname:
        raise UsageError("it is no smtp://host:port?from=ADDRESS&to=ADDRESS")
    if not given.get("from") or not given.get("to"):
        raise UsageError("it needs ?from=ADDRESS&to=ADDRESS")
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"], message["To"] = given["from"][0], ", ".join(given["to"])
    message.set_content(text)
    tls = server.scheme == "smtps"
    make = smtplib.SMTP_SSL if tls else smtplib.SMTP
    with make(server.hostname, server.port or 0, timeout=SECONDS) as client:
        client.ehlo()
        if not tls and client.has_extn("starttls"):
            client.starttls()
        if server.username:
            client.login(unquote(server.username), unquote(server.password or ""))
        client.send_message(message)
