"""The services that notices may go to: which of apprise's are permitted, what they are called here, how their address looks.

Only services that speak HTTPS to their provider, or to a server of one's own, through `requests`: what else apprise can do (files,
D-Bus, syslog, desktop, serial lines, brokers) is not on the list and therefore refused.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `schemes` of its address, its kind of channel, its name and an example of an address."""

    schemes: tuple[str, ...]
    kind: str
    name: str
    example: str
    own_host: bool = False  # the address names a server of one's own


SERVICES = (
    Service(("slack",), "chat", "Slack", "slack://TokenA/TokenB/TokenC/#channel"),
    Service(("workflows",), "chat", "Microsoft Teams (Workflows)", "workflows://HOST/WORKFLOW/SIGNATURE", own_host=True),
    Service(("gchat",), "chat", "Google Chat", "gchat://WORKSPACE/KEY/TOKEN"),
    Service(("discord",), "chat", "Discord", "discord://WEBHOOK_ID/WEBHOOK_TOKEN"),
    Service(("tgram",), "chat", "Telegram", "tgram://BOT_TOKEN/CHAT_ID"),
    Service(("wxteams",), "chat", "Webex", "wxteams://TOKEN/ROOM_ID"),
    Service(("mmost", "mmosts"), "chat", "Mattermost", "mmosts://HOST/TOKEN", own_host=True),
    Service(("rocket", "rockets"), "chat", "Rocket.Chat", "rockets://USER:PASSWORD@HOST/#channel", own_host=True),
    Service(("zulip",), "chat", "Zulip", "zulip://BOT@ORGANISATION/TOKEN/stream"),
    Service(("ntfy", "ntfys"), "chat", "ntfy", "ntfys://HOST/TOPIC", own_host=True),
    Service(("gotify", "gotifys"), "chat", "Gotify", "gotifys://HOST/TOKEN", own_host=True),
    Service(("hassio", "hassios"), "chat", "Home Assistant", "hassios://HOST/TOKEN", own_host=True),
    Service(("whatsapp",), "chat", "WhatsApp Business", "whatsapp://TOKEN@FROM_PHONE_ID/+41790000000"),
    Service(("twilio",), "sms", "Twilio", "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM/+41790000000"),
    Service(("vonage", "nexmo"), "sms", "Vonage", "vonage://API_KEY:SECRET@FROM/+41790000000"),
    Service(("sns",), "sms", "AWS SNS", "sns://KEY_ID/SECRET/REGION/+41790000000"),
    Service(("msgbird",), "sms", "MessageBird", "msgbird://API_KEY/FROM/+41790000000"),
    Service(("clicksend",), "sms", "ClickSend", "clicksend://USER:API_KEY@+41790000000"),
    Service(("sinch",), "sms", "Sinch", "sinch://PLAN_ID:TOKEN@FROM/+41790000000"),
    Service(("plivo",), "sms", "Plivo", "plivo://AUTH_ID@TOKEN/FROM/+41790000000"),
    Service(("46elks", "elks"), "sms", "46elks", "46elks://USER:PASSWORD@FROM/+41790000000"),
    Service(("bulksms",), "sms", "BulkSMS", "bulksms://TOKEN_ID:SECRET@+41790000000"),
    Service(("httpsms",), "sms", "httpSMS", "httpsms://API_KEY@FROM/+41790000000"),
    Service(("telnyx",), "sms", "Telnyx", "telnyx://API_KEY@FROM/+41790000000"),
    Service(("threema",), "sms", "Threema Gateway", "threema://GATEWAY_ID@SECRET/+41790000000"),
    Service(("signal", "signals"), "sms", "Signal", "signals://HOST/FROM/+41790000000", own_host=True),
    Service(("twilio",), "phone", "Twilio, a voice call", "twilio://ACCOUNT_SID:AUTH_TOKEN@FROM/+41790000000?method=call"),
    Service(("pagerduty",), "phone", "PagerDuty", "pagerduty://INTEGRATION_KEY@API_KEY"),
    Service(("opsgenie",), "phone", "Opsgenie", "opsgenie://API_KEY"),
    Service(("splunk", "victorops"), "phone", "Splunk On-Call", "splunk://ROUTING_KEY@API_KEY"),
    Service(("ilert",), "phone", "ilert", "ilert://KEY"),
    Service(("squadcast",), "phone", "Squadcast", "squadcast://KEY"),
    Service(("betterstack",), "phone", "Better Stack", "betterstack://TOKEN/FROM"),
    Service(("incidentio",), "phone", "incident.io", "incidentio://SOURCE/TOKEN"),
    Service(("goalert", "goalerts"), "phone", "GoAlert", "goalerts://HOST/?token=TOKEN", own_host=True),
    Service(("pover",), "phone", "Pushover, an alarm on a phone", "pover://USER_KEY@TOKEN?priority=emergency"),
)
REFUSED_PARAMETERS = {
    "template": "reads a file of this server",
    "attach": "reads a file of this server",
    "redirect": "an answer that sends elsewhere is not followed",
    "store": "keeps what is sent on this server's disk",
    "retry": "trying again is done here",
    "wait": "trying again is done here",
}
KINDS = {
    "email": ("E-mail", "Writes to addresses through your mail server."),
    "webhook": ("Webhook", "Posts JSON to a web address: for programs, ticket systems, chat bots of your own."),
    "chat": ("Chat", "Slack, Teams, Telegram, Mattermost and others, or a push message on a phone."),
    "sms": ("SMS", "A text message, through a provider where you have an account."),
    "phone": ("Phone or on-call", "A voice call, or a service that calls whoever is on call."),
}


class RefusedService(ValueError):
    """An address that is not taken; the message says why."""


def services_of(kind: str) -> list[Service]:
    """Those that a kind of channel may use."""
    return [service for service in SERVICES if service.kind == kind]


def check_address(kind: str, address: str) -> Service:
    """The service that an address of apprise's form names. Raises RefusedService where it may not be used."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        raise RefusedService("this is not an address; see the examples") from None
    scheme = parts.scheme.lower() or address.partition("://")[0].strip().lower()
    found = next((service for service in services_of(kind) if scheme in service.schemes), None)
    if found is None:
        other = next((service for service in SERVICES if scheme in service.schemes), None)
        if other is not None:
            raise RefusedService(f"{other.name} is of the kind “{KINDS[other.kind][0]}”")
        known = ", ".join(dict.fromkeys(one.schemes[0] for one in services_of(kind)))
        raise RefusedService(f"“{scheme}” is not one of the services that may be used: {known}")
    query = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    query |= {name.lower() for name, _ in parse_qsl(urlsplit(f"//x?{address.partition('?')[2]}").query, keep_blank_values=True)}
    wrong = sorted(query & set(REFUSED_PARAMETERS))
    if wrong:
        raise RefusedService(f"the parameter “{wrong[0]}” may not be used: {REFUSED_PARAMETERS[wrong[0]]}")
    return found
