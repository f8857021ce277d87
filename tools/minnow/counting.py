# SPDX-License-Identifier: Apache-2.0
"""Counting and sums, with numbers from 0 to 30. Each maker returns (message, reasoning, answer)."""
import re

import phrasing
from phrasing import question, request, sections

WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
         "sixteen seventeen eighteen nineteen twenty").split()
WORDS += ["twenty-" + WORDS[i] for i in range(1, 10)] + ["thirty"]
STEP_WORDS = {2: ["twos", "2", "two", "2s", "2's"], 3: ["threes", "3", "three", "3s"],
              4: ["fours", "4", "four"], 5: ["fives", "5", "five", "5s", "5's"],
              10: ["tens", "10", "ten", "10s"]}
STEP_PLURALS = {2: "twos", 3: "threes", 4: "fours", 5: "fives", 10: "tens"}
STEP_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth", 10: "tenth"}
USUAL_COUNTS = [(1, 10), (1, 5), (0, 10), (1, 20), (10, 20), (1, 3), (5, 15), (20, 30)]
LIMIT = 30
DOWNWARDS = re.compile("down|back|desc|high to low|top", re.IGNORECASE)
PHRASES = sections("counting")


def choose(rng, title):
    return phrasing.usual(rng, title, PHRASES[title])


def row(numbers):
    return ", ".join(map(str, numbers))


def spelled(rng, *values):
    """The numbers as digits or, all of them, as words."""
    if rng.random() < 0.38:
        return [WORDS[v] if rng.random() < 0.9 else WORDS[v].replace("-", " ") for v in values]
    return [str(v) for v in values]


def count(rng):
    """Every kind of count, as often as people want it."""
    makers, weights = zip(*COUNTS)
    return rng.choices(makers, weights)[0](rng)


def counted(message, first, last, step=1):
    """What is said of the numbers from the first to the last, both included; down, if the last is less."""
    direction = "up" if last > first else "down"
    steps = "one at a time" if step == 1 else f"in steps of {step}"
    numbers = range(first, last + 1, step) if last > first else range(first, last - 1, -step)
    return message, f"Count {direction} from {first} to {numbers[-1]}, {steps}.", row(numbers) + "."


def ends(rng):
    """(first, last) of a count up"""
    if rng.random() < 0.5:
        return rng.choice([*USUAL_COUNTS, (1, rng.randint(3, LIMIT))])
    first = rng.randint(0, LIMIT - 2)
    return first, rng.randint(first + 2, min(LIMIT, first + 20))


def count_up(rng, first=None, last=None):
    if first is None:
        first, last = ends(rng)
    a, b = spelled(rng, first, last)
    title = "count to" if first == 1 and rng.random() < 0.5 else "count up"
    return counted(request(rng, choose(rng, title), a=a, b=b), first, last)


def count_down(rng):
    last, first = ends(rng)
    a, b = spelled(rng, first, last)
    return counted(request(rng, choose(rng, "count down"), a=a, b=b), first, last)


def count_down_from(rng):
    first = rng.choice([10, 10, 5, 3, 20, rng.randint(3, 30)])
    a, = spelled(rng, first)
    return counted(request(rng, choose(rng, "countdown from"), a=a), first, 0)


def steps_of(rng, step):
    """How patterns speak of steps that long."""
    return {"s": rng.choice(STEP_WORDS[step]), "t": STEP_PLURALS[step], "o": STEP_ORDINALS[step]}


def count_by(rng):
    """In steps, which mostly end on the last number that is named."""
    step = rng.choice([2, 2, 3, 4, 5, 5, 10])
    first = rng.choice([0, 0, step, step, rng.randrange(0, 11)])
    last = first + step * rng.randint(2, max(2, min(10, (LIMIT - first) // step)))
    if last > LIMIT:
        first, last = 0, LIMIT // step * step
    steps = steps_of(rng, step)
    named = min(LIMIT, last + rng.choice([0] * 9 + [1]))
    a, b = spelled(rng, first, named)
    if first == step and rng.random() < 0.5:
        return counted(request(rng, choose(rng, "count by to"), b=b, **steps), first, named, step)
    if rng.random() < 0.2:
        a, b = spelled(rng, last, first)
        return counted(request(rng, choose(rng, "count down by"), a=a, b=b, **steps), last, first, step)
    return counted(request(rng, choose(rng, "count by"), a=a, b=b, **steps), first, named, step)


def parity(rng):
    """The even or the odd numbers, between any two."""
    odd = rng.random() < 0.5
    slots = {"p": "odd" if odd else "even", "q": "even" if odd else "odd"}
    title = rng.choice(["parity", "parity", "parity", "parity to", "first of"])
    if title == "first of":
        n = rng.randint(3, 10)
        slots["b"], = spelled(rng, n)
        return counted(request(rng, choose(rng, title), **slots), 2 - odd, 2 * n - odd, 2)
    if title == "parity to":
        first, last = 1, rng.choice([10, 10, 20, rng.randint(5, LIMIT)])
    else:
        first = rng.choice([0, 1, 1, 1, 2, rng.randint(0, 20)])
        last = rng.choice([max(10, first + 4), rng.randint(first + 4, min(LIMIT, first + 20))])
    slots["a"], slots["b"] = spelled(rng, first, last)
    message = request(rng, choose(rng, title), **slots)
    begin = first + ((first % 2 == 1) != odd)
    return counted(message, begin + 2 * (title == "parity to" and begin == 0), last, 2)


def some_from(rng):
    """So many numbers, from one on or after it."""
    n, first = rng.randint(3, 10), rng.choice([1, rng.randint(2, LIMIT - 10)])
    title, after = rng.choice([("some from", 0), ("some after", 1)])
    a, b = spelled(rng, first, n)
    return counted(request(rng, choose(rng, title), a=a, b=b), first + after, first + after + n - 1)


def open_count(rng):
    """Without an end: to ten, or as far as it goes."""
    kind = rng.random()
    if kind < 0.6:
        return counted(request(rng, choose(rng, "bare")), 1, 10)
    if kind < 0.8:
        return counted(request(rng, choose(rng, "as far as it goes")), 1, LIMIT)
    first = rng.randint(0, LIMIT - 3)
    a, = spelled(rng, first)
    return counted(request(rng, choose(rng, "onwards"), a=a), first, LIMIT)


COUNTS = [(count_up, 36), (count_down, 17), (count_down_from, 8), (count_by, 22), (parity, 20),
          (some_from, 16), (open_count, 3)]


def neighbour(rng):
    """The number after, before, between, next in a row, or both beside one."""
    kind = rng.random()
    if kind < 0.04:
        return both_neighbours(rng)
    if kind < 0.32:
        return next_in_row(rng)
    if kind < 0.4:
        value = rng.randint(1, LIMIT - 1)
        below, above = value - 1, value + 1
        a, b = spelled(rng, below, above)
        message = question(rng, choose(rng, "between"), a=a, b=b)
        return message, f"{below}, {value}, {above}.", f"Between {below} and {above} comes {value}."
    if kind < 0.74:
        value = rng.randint(0, LIMIT - 1)
        a, = spelled(rng, value)
        return after(question(rng, choose(rng, "after"), a=a), value)
    value = rng.randint(1, LIMIT)
    a, = spelled(rng, value)
    return before(question(rng, choose(rng, "before"), a=a), value)


def before(message, value):
    return message, f"{value - 1}, {value}.", f"Before {value} comes {value - 1}."


def after(message, value):
    return message, f"{value}, {value + 1}.", f"After {value} comes {value + 1}."


def both_neighbours(rng):
    value = rng.randint(1, LIMIT - 1)
    a, = spelled(rng, value)
    message = question(rng, choose(rng, "both neighbours"), a=a)
    answer = f"Before {value} comes {value - 1}, after {value} comes {value + 1}."
    return message, f"{value - 1}, {value}, {value + 1}.", answer


def next_in_row(rng):
    """How a row of equal steps goes on, up or down."""
    step, n = rng.choice([1, 1, 2, 3, 4, 5, 10]), rng.choice([2, 3, 3, 3, 4, 4, 5])
    n = min(n, LIMIT // step)
    first = rng.randint(0, LIMIT - (n - 1) * step)
    if rng.random() < 0.3:
        first = min(step, first)
    numbers = [first + i * step for i in range(n + 1)]
    sign, way = "+", ""
    if n > 2 and numbers[-1] <= LIMIT and rng.random() < 0.45:
        numbers.reverse()
        sign, way = "-", " down"
    *shown, following = numbers
    message = question(rng, choose(rng, "next in row"),
                       r=rng.choice([", ", ", ", " ", ","]).join(map(str, shown)))
    reasoning = f"Steps of {step}{way}: {shown[-1]} {sign} {step} = {following}."
    return message, reasoning, f"Next comes {following}."


def people(rng):
    """Who and what a sum in words speaks of."""
    who, who2 = rng.sample(PHRASES["names"], 2)
    return {"who": who, "who2": who2, "things": rng.choice(PHRASES["objects"])}


def add(rng):
    most = 9 if rng.random() < 0.4 else LIMIT       # sums of digits are what larger ones are made of
    left, right = rng.randint(0, most), rng.randint(0, most)
    a, b = spelled(rng, left, right)
    message = question(rng, choose(rng, "add"), slips=False, a=a, b=b, **people(rng))
    return total(message, left, right)


def total(message, left, right):
    ones = left % 10 + right % 10
    carry = ones // 10
    reasoning = f"{left} + {right}. Ones: {left % 10} + {right % 10} = {ones}."
    if left > 9 or right > 9:
        tens = " + ".join(map(str, [left // 10, right // 10] + [1] * carry))
        reasoning += f" Tens: {tens} = {left // 10 + right // 10 + carry}."
    return message, reasoning, f"{left} + {right} = {left + right}."


def subtract(rng):
    left, right = rng.randint(0, LIMIT), rng.randint(0, LIMIT)
    if rng.random() < 0.4:
        right = rng.randint(0, 9)
        left = right + rng.randint(0, 9)
    if left < right and rng.random() < 0.93:
        left, right = right, left
    a, b = spelled(rng, left, right)
    message = question(rng, choose(rng, "subtract"), slips=False, a=a, b=b, **people(rng))
    return difference(message, left, right)


def difference(message, left, right):
    if left < right:
        answer = f"{left} - {right} is less than zero, and I only know numbers from zero on."
        return message, f"{left} - {right}. {left} is less than {right}.", answer
    borrow = left % 10 < right % 10
    ones = left % 10 + 10 * borrow
    reasoning = f"{left} - {right}. Ones: {ones} - {right % 10} = {ones - right % 10}."
    if left > 9:
        tens = " - ".join(map(str, [left // 10, right // 10] + [1] * borrow))
        reasoning += f" Tens: {tens} = {left // 10 - right // 10 - borrow}."
    return message, reasoning, f"{left} - {right} = {left - right}."


def short_count(rng):
    first = 1 if rng.random() < 0.35 else rng.randint(0, LIMIT - 3)
    return count_up(rng, first, rng.randint(first + 2, min(LIMIT, first + 15)))


def backwards(rng):
    """A count of any kind, and then the same the other way. A message that itself says down could be read
    either way after a count down, so none does there."""
    there = rng.choice([short_count, short_count, short_count, count_by, some_from, parity, count_down])(rng)
    numbers = [int(number) for number in there[2].rstrip(".").split(", ")]
    step = abs(numbers[1] - numbers[0])
    falls = numbers[1] < numbers[0]
    message = request(rng, choose(rng, "the other way"), slips=not falls)
    while falls and DOWNWARDS.search(message):
        message = request(rng, choose(rng, "the other way"), slips=False)
    return [there, counted(message, numbers[-1], numbers[0], step)]


def sum_and_on(rng):
    """A sum, and then another with what came of it."""
    while True:
        made = rng.choice([add, subtract])(rng)
        result = made[2].rstrip(".").split(" = ")[-1]
        if result.isdigit() and int(result) <= LIMIT:
            break
    left, right = int(result), rng.randint(0, 9)
    if rng.random() < 0.5 and right <= left:
        return [made, difference(request(rng, choose(rng, "less of that"), False, b=right), left, right)]
    return [made, total(request(rng, choose(rng, "more of that"), False, b=right), left, right)]


def another_after(rng):
    """The number after one, and then after another, or before one."""
    value, next_value = rng.sample(range(1, LIMIT), 2)
    a, b = spelled(rng, value, next_value)
    first = after(question(rng, choose(rng, "after"), a=a), value)
    if rng.random() < 0.3:
        value, a = rng.choice([(value, a), (next_value, b)])
        return [first, before(question(rng, choose(rng, "and before"), False, a=a), value)]
    return [first, after(question(rng, choose(rng, "another after"), False, a=b), next_value)]


def drill(rng):
    """Several sums at once, each reasoned about as if it stood alone."""
    made, most = [], rng.choice([9, 9, LIMIT])
    plus, minus = rng.choice([(" + ", " - ")] * 5 + [("+", "-")] * 2 + [(" plus ", " minus ")] * 3)
    for _ in range(rng.choice([2, 3, 3, 4])):
        left, right = rng.randint(0, most), rng.randint(0, most)
        if rng.random() < 0.5:
            made.append(total(f"{left}{plus}{right}", left, right))
        else:
            left, right = max(left, right), min(left, right)
            made.append(difference(f"{left}{minus}{right}", left, right))
    sums, reasonings, answers = zip(*made)
    between = rng.choice([", ", ", ", ", ", "; ", " and ", " and also "])
    before_last = rng.choice([between, between, " and ", ", and ", " and then ", " and what is "])
    asked = between.join(sums[:-1]) + before_last + sums[-1]
    message = question(rng, choose(rng, "drill"), slips=False, r=asked)
    return message, " ".join(reasonings), ", ".join(answer.rstrip(".") for answer in answers) + "."


def neighbours(rng):
    """The numbers after, or before, several ones, which are no row of equal steps."""
    while True:
        values = rng.sample(range(1, LIMIT), 3)
        if values[2] - values[1] != values[1] - values[0]:
            break
    title, step = rng.choice([("several after", 1), ("several before", -1)])
    message = question(rng, choose(rng, title), slips=False, r=row(values))
    said = "Before" if step < 0 else "After"
    answer = ", ".join(f"{said.lower()} {v} comes {v + step}" for v in values) + "."
    return message, f"{said} each one.", answer
