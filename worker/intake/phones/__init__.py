"""Phone numbers as `phonenumbers` reads them: most cells from tables made of its metadata, the odd ones by itself."""

from worker.intake.phones.asked import each_once
from worker.intake.phones.nature import kinds
from worker.intake.phones.reader import Phones, Read

__all__ = ["Phones", "Read", "each_once", "kinds"]
