"""Answers that learners give: wrong ones with the diagnosis they must get, and right ones in another way.

One file per lesson fills WRONG[number] = [(answer, Diagnosis) or (answer, (Diagnosis, "words of the message"))]
and RIGHT[number] = [answer].
"""

WRONG, RIGHT = {}, {}
