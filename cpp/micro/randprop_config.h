/* What the runtime is compiled for: here nothing, so that it runs any model.
 *
 * randprop.export_c writes another file of this name beside its model. That one defines RP_FIXED_ID
 * and every RP_FIXED_* value, and the runtime then runs this one model alone, in less flash and
 * time, and refuses any other. To run several models with one runtime, take this file instead.
 */
#ifndef RANDPROP_CONFIG_H
#define RANDPROP_CONFIG_H
#endif
