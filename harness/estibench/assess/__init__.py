"""A user's own model measured in one call."""

from estibench.assess.answer import Assessment as Assessment
from estibench.assess.call import assess as assess
