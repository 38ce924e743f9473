/** Where a route of a VirtualService may go, and what may happen to headers on the way. */
import { integer, labels, object, required, string, strings, unsigned } from "../schema.ts";

const destinationFields = {
  host: required(
    string(
      "A service: its short name, resolved in this object's namespace, its FQDN, or a host of a ServiceEntry.",
    ),
  ),
  subset: string("A subset that a DestinationRule of the host names."),
  port: object("The service's port; may be left out when it has only one.", {
    number: unsigned("Its number."),
  }),
};

export const destination = (description: string) => object(description, destinationFields);

const headerOperations = (description: string) =>
  object(description, {
    set: labels("Overwrites these headers."),
    add: labels("Appends to these headers."),
    remove: strings("Takes out these headers."),
  });

export const headers = object("Changes to headers.", {
  request: headerOperations("On the way to the destination."),
  response: headerOperations("On the way back."),
});

const weight = integer(
  "Its share is weight / sum of weights; a single destination gets everything, and 0 among several gets nothing.",
);

export const routeDestination = object("One destination and its share.", {
  destination: required(destination("Where it goes.")),
  weight,
});

export const httpRouteDestination = object("One destination and its share.", {
  destination: required(destination("Where it goes.")),
  weight,
  headers,
});
