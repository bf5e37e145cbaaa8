/* Feeds frames to detectors of spandsp, leg after leg, so that no interpreter's time is measured with theirs. */
#include <stdint.h>

typedef int (*take_t)(void *state, const int16_t *samples, int count);

/* `frames` is int16[ticks][legs][samples]; `states` holds the detector of each leg. */
void feed(take_t take, void **states, const int16_t *frames, long ticks, long legs, long samples)
{
    for (long tick = 0; tick < ticks; tick++)
        for (long leg = 0; leg < legs; leg++)
            take(states[leg], frames + (tick * legs + leg) * samples, (int) samples);
}
