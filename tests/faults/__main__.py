"""`make faults`: tries every fault, prints what was lost, writes faults.json."""

from tests.faults.program import main

main()
