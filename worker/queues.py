"""How many bells wait in each queue, asked in words that Redis, Valkey and RabbitMQ all understand."""

from kombu import Connection
from kombu.exceptions import ChannelError

from worker.bells import QUEUES
from worker.errors import Unavailable

PATIENCE = 1.0  # seconds for each thing that the broker is asked
ONCE_MORE = {"max_retries": 1, "interval_start": 0}
NOT_FOUND = 404


def waiting(broker_url: str) -> dict[str, int]:
    """Messages by queue that no worker has taken yet, of every priority. Looking changes nothing at the broker.

    Not counted is what a worker has in hand, or holds until its time has come. Raises Unavailable `broker_down`, after
    a few times PATIENCE at the latest.
    """
    limits = ("socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout")  # Redis' two, RabbitMQ's two
    options = dict.fromkeys(limits, PATIENCE)
    try:
        with Connection(broker_url, connect_timeout=PATIENCE, transport_options=options) as connection:
            connection.ensure_connection(**ONCE_MORE)
            return {queue: _length(connection, queue) for queue in sorted(set(QUEUES.values()))}
    except Exception as error:  # each kind of broker has errors of its own, and a URL that is none has others again
        text = f"The broker does not answer ({type(error).__name__}): start it, or correct ROLLCALL_BROKER_URL."
        raise Unavailable("broker_down", text) from None


def _length(connection: Connection, queue: str) -> int:
    """0 too where no such queue is known: Redis forgets an empty one, RabbitMQ learns of it by the first worker."""
    with connection.channel() as channel:  # RabbitMQ closes the channel on which a queue was not found
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except ChannelError as error:
            if int(error.reply_code) != NOT_FOUND:
                raise
            return 0
