"""A user's own model measured in one call."""

from estibench.assessment.answer import Assessment as Assessment
from estibench.assessment.call import assess as assess
